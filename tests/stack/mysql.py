"""MySQL and MariaDB, set up as a source: row images and names in the binlog, GTIDs.

`root` has no password, over TCP from 127.0.0.1 too. `dbz` with the password `dbz` has what Debezium's
documentation asks for. Options are the server's, without dashes: `binlog-format=STATEMENT`, `skip-log-bin=`.
"""

import os
import signal
import socket

import install
from base import HOST, TEMPLATE, copy_tree, locked, replacing, run

USERS = """CREATE USER 'dbz'@'%' IDENTIFIED BY 'dbz';
GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT, LOCK TABLES ON *.* TO 'dbz'@'%';
"""

# The data is thrown away, so it need not survive the machine, only the server (flush 2, sync 0).
SETTINGS = {
    "bind-address": HOST, "server-id": "1", "log-bin": "binlog", "binlog-format": "ROW", "binlog-row-image": "FULL",
    "binlog-row-metadata": "FULL", "innodb-buffer-pool-size": "128M", "innodb-flush-log-at-trx-commit": "2",
    "sync-binlog": "0", "character-set-server": "utf8mb4", "max-connections": "200",
}
MYSQL_SETTINGS = {"gtid-mode": "ON", "enforce-gtid-consistency": "ON", "mysqlx": "OFF", "secure-file-priv": "NULL",
                  "innodb-redo-log-capacity": "64M"}
MARIADB_SETTINGS = {"gtid-strict-mode": "ON", "log-slave-updates": "ON"}

# What mariadb-install-db runs, in its order.
MARIADB_SCRIPTS = ("mariadb_system_tables", "mariadb_performance_tables", "mariadb_system_tables_data",
                   "fill_help_tables", "maria_add_gis_sp_bootstrap", "mariadb_sys_schema")


class Mysql:
    PORTS = 1
    STOP, KILL = signal.SIGTERM, signal.SIGKILL

    def __init__(self, name):
        self.NAME = name
        self.maria = name == "mariadb"

    def install(self):
        return install.COMPONENTS[self.NAME]()

    def server(self):
        """The program with the paths that are not where it was built for."""
        home = self.install()
        usr = home / "root/usr"
        share = next(s for s in (usr / "share/mariadb", usr / "share/mysql", usr / "share") if (s / "charsets").is_dir())
        plugins = usr / ("lib/plugin" if (usr / "lib/plugin").is_dir() else "lib/mysql/plugin")
        program = home / "bin" / ("mariadbd" if self.maria else "mysqld")
        user = ["--user=root"] if os.getuid() == 0 else []
        return share, [program, "--no-defaults", *user, f"--basedir={usr}", f"--lc-messages-dir={share}",
                       f"--character-sets-dir={share / 'charsets'}", f"--plugin-dir={plugins}"]

    def prepare(self, instance):
        share, server = self.server()
        template = TEMPLATE / self.NAME
        with locked(template.name):
            if not template.exists():
                with replacing(template) as new:
                    (self._initialise_mariadb if self.maria else self._initialise)(new, share, server)
                    (new / "data/auto.cnf").unlink(missing_ok=True)     # each copy makes a server_uuid of its own
        copy_tree(template / "data", instance.data)

    def _initialise(self, new, _share, server):
        (new / "users.sql").write_text(USERS)
        run([*server, "--initialize-insecure", "--secure-file-priv=NULL", "--innodb-redo-log-capacity=64M",
             f"--init-file={new / 'users.sql'}", f"--datadir={new / 'data'}"])

    def _initialise_mariadb(self, new, share, server):
        (new / "data/mysql").mkdir(parents=True)
        start = ["CREATE DATABASE IF NOT EXISTS mysql;", "USE mysql;", "SET @current_hostname='localhost';",
                 "SET @auth_root_socket=NULL;", "SET @skip_auth_anonymous=1;"]
        # Older versions name the scripts mysql_…
        names = [(f"{name}.sql", f"{name.replace('mariadb_', 'mysql_')}.sql") for name in MARIADB_SCRIPTS]
        scripts = [next(share / n for n in pair if (share / n).exists()).read_text() for pair in names]
        text = "\n".join([*start, *scripts, "FLUSH PRIVILEGES;", USERS])
        run([*server, "--bootstrap", "--silent-startup", "--log-warnings=0", "--enforce-storage-engine=",
             "--max-allowed-packet=8M", "--net-buffer-length=16K", f"--datadir={new / 'data'}"], input=text)

    def before_start(self, instance):
        # A killed server's lock names a pid that another process may have by now.
        for left in ("server.sock", "server.sock.lock", "server.pid"):
            (instance.data / left).unlink(missing_ok=True)

    def command(self, instance):
        _, server = self.server()
        settings = {**SETTINGS, **(MARIADB_SETTINGS if self.maria else MYSQL_SETTINGS), **instance.options}
        return [*server, f"--datadir={instance.data}", f"--port={instance.port}", "--socket=server.sock",
                "--pid-file=server.pid", *(f"--{name}={value}" if value else f"--{name}" for name, value in settings.items())]

    def answers(self, instance):
        """A server greets whoever connects: a packet's head of four bytes, then the protocol's version, 10."""
        if not (instance.data / "server.pid").exists():     # written after the port was taken
            return False
        try:
            with socket.create_connection((HOST, instance.port), 1) as connection:
                return connection.recv(5)[4:] == b"\x0a"
        except OSError:
            return False
