"""The two databases: the table, its rows, and what a connector to it says.

A row is of seven columns and about 150 bytes. `written` is the clock in microseconds when the row was made.
"""

import re
import subprocess
import tempfile
from pathlib import Path

import install
from base import HOST
from servers import mysql_connection, postgres_connection

ROWS_OF_A_TRANSACTION = 1000


class Postgres:
    NAME, TOPIC = "pg", "public.bench"
    CLOCK = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"

    def __init__(self, servers):
        self.server = servers.start("postgres", shared_buffers="256MB", max_wal_size="8GB", checkpoint_timeout="1h",
                                    autovacuum="off")
        postgres_connection(self.server).execute("CREATE DATABASE bench")
        self.connection = self.connect()
        self.connection.execute(
            "CREATE TABLE bench (id bigint PRIMARY KEY, customer int NOT NULL, quantity bigint NOT NULL,"
            " note varchar(100) NOT NULL, amount decimal(12,2) NOT NULL, placed timestamptz NOT NULL, written bigint NOT NULL)")
        self.connection.execute("CREATE PUBLICATION bench FOR TABLE bench")

    def connect(self):
        return postgres_connection(self.server, "bench")

    def insert(self, connection, first, count):
        """One transaction of `count` rows."""
        connection.execute(
            f"INSERT INTO bench SELECT n, n % 10000, n * 7, 'note ' || n || ' ' || repeat('x', 80), (n % 100000) / 100.0,"
            f" clock_timestamp(), {self.CLOCK} FROM generate_series({first}, {first + count - 1}) n")

    def settle(self):
        """So that the first reader does not pay for what the load left undone."""
        self.connection.execute("VACUUM ANALYZE bench")
        self.connection.execute("CHECKPOINT")

    def connector(self, name):
        return {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": HOST, "database.port": str(self.server["port"]), "database.user": "postgres",
            "database.password": "postgres", "database.dbname": "bench", "plugin.name": "pgoutput",
            "slot.name": f"bench_{name}", "publication.name": "bench", "publication.autocreate.mode": "disabled",
            "table.include.list": "public.bench", "topic.prefix": name}

    def forget(self, name):
        """Nobody goes on where that connector stopped."""
        self.connection.execute("SELECT pg_drop_replication_slot(%s)", (f"bench_{name}",))

    def clear(self):
        self.connection.execute("TRUNCATE bench")

    def mark(self):
        """From here on the raw reader will read."""
        self.connection.execute("SELECT pg_create_logical_replication_slot('raw', 'pgoutput')")

    def read_raw(self):
        end = self.connection.execute("SELECT pg_current_wal_lsn()").fetchone()[0]
        home = install.postgres_clients()
        subprocess.run(
            [home / "bin/pg_recvlogical", "-h", HOST, "-p", str(self.server["port"]), "-U", "postgres", "-d", "bench",
             "--slot", "raw", "--start", "-o", "proto_version=1", "-o", "publication_names=bench", "--endpos", end,
             "-f", "/dev/null"], check=True)
        self.connection.execute("SELECT pg_drop_replication_slot('raw')")


class Mysql:
    NAME, TOPIC = "mysql", "bench.bench"

    def __init__(self, servers, kind):
        self.server = servers.start(kind, **{"innodb-buffer-pool-size": "512M", "innodb-redo-log-capacity": "1G"})
        mysql_connection(self.server).cursor().execute("CREATE DATABASE bench")
        self.connection = self.connect()
        self.execute(
            "CREATE TABLE bench (id bigint PRIMARY KEY, customer int NOT NULL, quantity bigint NOT NULL,"
            " note varchar(100) NOT NULL, amount decimal(12,2) NOT NULL, placed timestamp(6) NOT NULL, written bigint NOT NULL)")
        self.execute("CREATE TABLE numbers (n int PRIMARY KEY)")
        self.execute("INSERT INTO numbers VALUES " + ",".join(f"({n})" for n in range(ROWS_OF_A_TRANSACTION)))

    def connect(self):
        return mysql_connection(self.server, "bench")

    def execute(self, statement):
        cursor = self.connection.cursor()
        cursor.execute(statement)
        return cursor.fetchall()

    def insert(self, connection, first, count):
        """One transaction of `count` rows; sysdate is the clock, where now is the statement's start."""
        connection.cursor().execute(
            "INSERT INTO bench SELECT i, i % 10000, i * 7, concat('note ', i, ' ', repeat('x', 80)), (i % 100000) / 100,"
            " sysdate(6), cast(unix_timestamp(sysdate(6)) * 1000000 AS signed)"
            f" FROM (SELECT {first} + n AS i FROM numbers WHERE n < {count}) AS counted")

    def settle(self):
        self.execute("ANALYZE TABLE bench")

    def connector(self, name):
        return {
            "connector.class": "io.debezium.connector.mysql.MySqlConnector",
            "database.hostname": HOST, "database.port": str(self.server["port"]), "database.user": "dbz",
            "database.password": "dbz", "database.server.id": str(1000 + sum(map(ord, name))),
            "database.include.list": "bench", "table.include.list": "bench.bench", "include.schema.changes": "false",
            "topic.prefix": name}

    def forget(self, name):
        """The binlog is nobody's."""

    def clear(self):
        self.execute("TRUNCATE bench")

    def mark(self):
        self.execute("FLUSH BINARY LOGS")
        self.first_log = self.execute("SHOW BINARY LOGS")[-1][0]

    def read_raw(self):
        logs = [row[0] for row in self.execute("SHOW BINARY LOGS")]
        memory = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            subprocess.run(
                [install.mysql97() / "bin/mysqlbinlog", "--no-defaults", "--protocol=tcp", f"--host={HOST}",
                 f"--port={self.server['port']}", "--user=root", "--read-from-remote-server", "--raw",
                 f"--result-file={folder}/", *logs[logs.index(self.first_log):]], check=True)


def load(database, first, count):
    """`count` rows in transactions of a thousand."""
    for start in range(first, first + count, ROWS_OF_A_TRANSACTION):
        database.insert(database.connection, start, min(ROWS_OF_A_TRANSACTION, first + count - start))


def version(database):
    text = "SHOW server_version" if database.NAME == "pg" else "SELECT version()"
    cursor = database.connection.cursor()
    cursor.execute(text)
    return re.match(r"[\d.]+", cursor.fetchone()[0]).group(0)
