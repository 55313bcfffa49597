"""PostgreSQL, ready for logical replication.

Superuser `postgres` without a password. Roles that are members of `scram_users`, `md5_users` or `tls_users`
(make those roles first) must use that password method or TLS. `tls=on` makes a CA and a certificate for
127.0.0.1 and localhost in the server's folder. Options are PostgreSQL's: `wal_level=replica`.
"""

import os
import pwd
import shutil
import signal

import install
from base import HOST, TEMPLATE, copy_tree, locked, replacing, run
from packages import need_programs

HBA = """host all +scram_users 127.0.0.1/32 scram-sha-256
host all +md5_users 127.0.0.1/32 md5
hostnossl all +tls_users 127.0.0.1/32 reject
hostssl all +tls_users 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""

# The data is thrown away, so it need not survive the machine, only the server.
SETTINGS = """listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = logical
max_wal_senders = 100
max_replication_slots = 200
max_prepared_transactions = 10
max_connections = 250
fsync = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


class Postgres:
    PORTS = 1
    STOP, KILL = signal.SIGINT, signal.SIGQUIT      # fast shutdown; immediate, as a crash

    def __init__(self, version=None):
        self.NAME, self.version = f"postgres{version or ''}", version

    def install(self):
        return install.postgres(self.version)

    def prepare(self, instance):
        home = self.install()
        template = TEMPLATE / f"{self.NAME}-{home.name}"
        with locked(template.name):
            if not template.exists():
                with replacing(template) as new:
                    hand_over(new)
                    run([*as_server(), home / "bin/initdb", "-D", new / "data", "-A", "trust", "-U", "postgres",
                         "-E", "UTF8", "--locale=C", "--no-sync"])
                    (new / "data/pg_hba.conf").write_text(HBA)
                    with open(new / "data/postgresql.conf", "a") as conf:
                        conf.write(SETTINGS)
        copy_tree(template / "data", instance.data)

    def before_start(self, instance):
        # A killed postmaster's file names a pid that another process may have by now.
        (instance.data / "postmaster.pid").unlink(missing_ok=True)
        if instance.options.get("tls") == "on":
            make_certificates(instance.dir)

    def command(self, instance):
        options = dict(instance.options)
        if options.pop("tls", "off") == "on":
            options = {"ssl": "on", "ssl_ca_file": instance.dir / "ca.crt", "ssl_cert_file": instance.dir / "server.crt",
                       "ssl_key_file": instance.dir / "server.key", **options}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [*as_server(), self.install() / "bin/postgres", "-D", instance.data, "-p", instance.port, *settings]

    def answers(self, instance):
        try:
            lines = (instance.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"


def server_user():
    """PostgreSQL refuses to run as root: then it is `postgres`, or `nobody` where that is not there."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def hand_over(path):
    user = server_user()
    if user:
        shutil.chown(path, user.pw_uid, user.pw_gid)


def as_server():
    """What runs a command as that user."""
    user = server_user()
    return ["setpriv", "--reuid", user.pw_uid, "--regid", user.pw_gid, "--clear-groups", "--"] if user else []


def make_certificates(folder):
    """ca.crt, and server.crt with server.key, for 127.0.0.1 and localhost; two days."""
    need_programs(openssl="openssl")
    if (folder / "server.crt").exists():
        return
    (folder / "names").write_text(f"subjectAltName=IP:{HOST},DNS:localhost\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run(["openssl", "req", "-x509", "-days", "2", "-subj", "/CN=throwaway CA", *key, "-keyout", "ca.key",
         "-out", "ca.crt"], cwd=folder)
    run(["openssl", "req", "-subj", "/CN=localhost", *key, "-keyout", "server.key", "-out", "server.csr"], cwd=folder)
    run(["openssl", "x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
         "-CAcreateserial", "-extfile", "names", "-out", "server.crt"], cwd=folder)
    (folder / "server.key").chmod(0o600)
    hand_over(folder / "server.key")
