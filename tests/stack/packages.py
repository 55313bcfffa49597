"""Packages from the public registries: Debian's or Ubuntu's by apt, Java's by Maven, Python's by pip.

`apt_install` changes the system, as root or with sudo. `unpack_debs` does not: it resolves packages with a
private apt (own lists, an almost empty dpkg status, so that the answer holds every library down to libc) and
unpacks them into one folder with wrappers that use that folder's own loader and libraries. So a server of
another suite runs beside the system's libraries and never touches them.
"""

import os
import re
import shlex
import shutil
import tarfile
import time
import zipfile
from pathlib import Path

from base import CACHE, StackError, locked, replacing, run, say

# --- the system's packages ------------------------------------------------------------


def apt_install(missing):
    """Installs Debian packages on the system; `missing` are those found wanting."""
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise StackError(f"please install {' '.join(missing)}: this machine has no apt-get")
    sudo = [] if os.getuid() == 0 else ["sudo", "-n"]
    say(f"apt-get install {' '.join(missing)}")
    with locked("apt"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = [*sudo, "apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", "-qq"]

        def update_and_install():
            run([*command, "update"], tries=5, env=quiet)
            run([*command, "install", "-y", "--no-install-recommends", *missing], env=quiet)
        # Together: an update that fetched half of the lists succeeds, and packages move on between the two.
        again(update_and_install)


def need_programs(**packages):
    """need_programs(mvn="maven"): installs the package of each program that is not there."""
    apt_install([package for program, package in packages.items() if not shutil.which(program)])


def again(do, tries=3):
    """Does something again when it fails, as what comes over a network may."""
    for attempt in range(1, tries + 1):
        try:
            return do()
        except StackError as problem:
            if attempt == tries:
                raise
            say(f"trying again: {str(problem).splitlines()[-1]}")
            time.sleep(5 * attempt)


# --- Maven ----------------------------------------------------------------------------

# Later ones refuse an archive whose parent description is not published, which is so of the registry's.
DEPENDENCY = "org.apache.maven.plugins:maven-dependency-plugin:2.8"


def need_java():
    need_programs(java="default-jdk-headless", mvn="maven")


def maven(*arguments):
    """Runs Maven. One at a time: its repository is not made for several. -U: what was not found a moment ago is looked for."""
    with locked("maven"):
        run(["mvn", "-q", "-B", "-U", *arguments], tries=5)


def maven_copy(artifact, target):
    """Fetches one artifact (group:artifact:version:type[:classifier]) into a folder; returns its path."""
    need_java()
    with replacing(Path(target)) as new:
        maven(f"{DEPENDENCY}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={new}")
    return next(Path(target).iterdir())


def maven_classpath(artifacts, target):
    """Fetches artifacts (group:artifact:version) with all that they need at run time into a folder."""
    need_java()
    parts = (dict(zip(("groupId", "artifactId", "version"), a.split(":"))) for a in artifacts)
    dependencies = "".join(
        "<dependency>" + "".join(f"<{k}>{v}</{k}>" for k, v in part.items()) + "</dependency>" for part in parts)
    with replacing(target) as new:
        pom = new.with_suffix(".pom.xml")
        pom.write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
            "<groupId>local</groupId><artifactId>classpath</artifactId><version>1</version>"
            f"<dependencies>{dependencies}</dependencies></project>")
        maven("-f", pom, f"{DEPENDENCY}:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={new}")
        pom.unlink()


def unzip(archive, target):
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(target)


def untar(archive, target):
    """Python's own, which needs no xz beside it."""
    with tarfile.open(archive) as opened:
        opened.extractall(target, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))


# --- Debian packages in a folder of their own -------------------------------------------

STAND_IN = """Package: {name}
Status: install ok installed
Maintainer: none
Architecture: {arch}
Multi-Arch: allowed
Version: 99
Description: stand-in

"""

PRIVATE_APT = """APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
Dir::State "{folder}/state";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/debs";
Dir::Log "{folder}/state";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
"""

WRAPPER = """#!/bin/sh
# Runs the program of this name with the loader and the libraries of this folder.
root=$(cd -- "$(dirname -- "$0")/../root" && pwd -P) || exit 127
name=$(basename -- "$0")
for d in usr/sbin usr/bin; do
  [ -f "$root/$d/$name" ] && exec "$root/{loader}" --library-path "{libraries}" "$root/$d/$name" "$@"
done
echo "$name: not in $root" >&2; exit 127
"""


def own_suite():
    found = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    return found.group(1) if found else ""


def is_ubuntu():
    return "ID=ubuntu" in Path("/etc/os-release").read_text()


def own_mirrors():
    """(suite, address) of what this machine's apt fetches from, component main."""
    text = run(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI) $(COMPONENT)", "Created-By: Packages"])
    lines = (line.split() for line in text.splitlines())
    return sorted({(line[0], line[1]) for line in lines if len(line) == 3 and line[2] == "main"})


class PrivateApt:
    """apt for one suite, with lists, cache and status of its own."""

    def __init__(self, suite):
        self.folder = CACHE / f"apt-{suite}"
        self.arch = run(["dpkg", "--print-architecture"]).strip()
        mirrors = own_mirrors()
        base = [uri for name, uri in mirrors if not re.search(r"-(security|updates|backports)$", name)]
        if not base:
            raise StackError("this machine's apt sources name no mirror")
        sources = [(suite, base[0])]
        if suite == own_suite():
            sources = [m for m in mirrors if m[0] in (suite, f"{suite}-updates", f"{suite}-security")]
        for part in ("lists/partial", "state", "debs/partial", "none/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        # The own suite's keys are the system's; another Debian suite's are in Debian's keyring.
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        signed = f"arch={self.arch}" + (f" signed-by={keyring}" if keyring.exists() and not is_ubuntu() else "")
        component = "main universe" if is_ubuntu() else "main"
        (self.folder / "sources.list").write_text(
            "".join(f"deb [{signed}] {uri} {name} {component}\n" for name, uri in sources))
        # Perl is wanted only by helper scripts that nothing here runs: it counts as there.
        (self.folder / "status").write_text(STAND_IN.format(name="perl", arch=self.arch))
        # How the machine reaches its mirror (a proxy, say) is kept; its hooks are not.
        machine = run(["apt-config", "dump"]).splitlines()
        kept = [s for s in machine if s.startswith("Acquire::") and not s.startswith("Acquire::IndexTargets")]
        conf = self.folder / "apt.conf"
        conf.write_text("\n".join(kept) + "\n" + PRIVATE_APT.format(arch=self.arch, folder=self.folder))
        self.env = {**os.environ, "APT_CONFIG": str(conf)}

    def newest(self, name):
        """The package of that name, or of that name with a version (mysql-server-core-8.0)."""
        for candidate in [name, *self._versioned(name)]:
            if run(["apt-cache", "madison", candidate], env=self.env).strip():
                return candidate
        return None

    def _versioned(self, name):
        known = run(["apt-cache", "pkgnames", name], env=self.env).split()
        numbered = [n for n in known if re.fullmatch(re.escape(name) + r"(-[0-9.]+|t64)", n)]
        return sorted(numbered, key=lambda n: [int(d) for d in re.findall(r"\d+", n)], reverse=True)

    def download(self, names):
        """Every package that these need, themselves included: paths of .deb files."""
        try:
            # Half of the lists would give another suite's version, or none.
            run(["apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update"], tries=4, env=self.env)
        except StackError as problem:
            say(f"{str(problem).splitlines()[-1]}: going on with the lists that there are")
            run(["apt-get", "-qq", "update"], env=self.env)
        wanted = [found for found in map(self.newest, names) if found]
        if len(wanted) < len(names):
            raise StackError(f"not all of {', '.join(names)} are there")
        # Against an empty archive folder, or apt leaves out what it has fetched already.
        empty = ["-o", f"Dir::Cache::archives={self.folder}/none"]
        listed = run(["apt-get", *empty, "install", "-y", "--print-uris", *wanted], env=self.env)
        files = re.findall(r"^'\S+' (\S+\.deb) ", listed, re.MULTILINE)
        run(["apt-get", "-q", "install", "-y", "--download-only", *wanted], tries=3, env=self.env)
        for big in self.folder.glob("*pkgcache.bin"):
            big.unlink()
        return [self.folder / "debs" / file for file in files]


def download_debs(suites, names):
    """The closure of `names` from the first suite that has it; the last good answer when none has today."""
    remembered = CACHE / f"debs-{names[0]}"
    for suite in suites:
        try:
            with locked(f"apt-{suite}"):
                apt = PrivateApt(suite)
                # Lists and packages together: a mirror may have moved on between the two.
                debs = again(lambda: apt.download(names), tries=2)
        except StackError as problem:
            say(f"{names[0]} from {suite}: {str(problem).splitlines()[-1]}")
            continue
        remembered.write_text("\n".join(map(str, debs)))
        return debs
    if remembered.exists():
        say(f"using the packages of {names[0]} that were fetched before")
        return [Path(line) for line in remembered.read_text().splitlines()]
    raise StackError(f"no suite of {', '.join(suites)} has {', '.join(names)}")


def unpack_debs(debs, target):
    """Unpacks packages into target/root, without documentation."""
    root = target / "root"
    root.mkdir()
    skipped = " ".join(f"--exclude=./usr/share/{d}" for d in ("doc", "man", "locale", "lintian"))
    for deb in debs:
        run(["sh", "-c", f"dpkg-deb --fsys-tarfile {shlex.quote(str(deb))} | "
             f"tar -x -C {shlex.quote(str(root))} --no-same-owner {skipped} -f -"])
    shutil.rmtree(root / "var", ignore_errors=True)


def write_wrappers(target, pattern):
    """target/bin/NAME for each program in target/root whose name matches."""
    root = target / "root"
    # The real one lies in lib/TRIPLET; lib64 holds only a link, absolute in some suites.
    loaders = sorted((p for p in root.glob("**/ld-linux*.so.*") if "lib64" not in p.parts), key=lambda p: len(p.parts))
    if not loaders:
        raise StackError(f"no dynamic loader among the packages of {target.name}")
    triplet = loaders[0].parent.name
    folders = [f"usr/lib/{triplet}", f"lib/{triplet}", "usr/lib", "usr/lib/private"]
    libraries = ":".join(f"$root/{folder}" for folder in folders if (root / folder).is_dir())
    text = WRAPPER.format(loader=loaders[0].relative_to(root), libraries=libraries)
    (target / "bin").mkdir(exist_ok=True)
    for program in [*root.glob("usr/sbin/*"), *root.glob("usr/bin/*")]:
        if re.match(pattern, program.name) and program.resolve().read_bytes()[:4] == b"\x7fELF":
            wrapper = target / "bin" / program.name
            wrapper.write_text(text)
            wrapper.chmod(0o755)
