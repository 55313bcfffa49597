"""The demo's course: see `demo`, which installs and builds what this needs."""

import argparse
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stack"))

from base import HOST, PROJECT  # noqa: E402
from servers import Failed, Servers, interruptible, mysql_connection, postgres_connection  # noqa: E402

import shop  # noqa: E402
from events import Contract, FromKafka, FromStdout  # noqa: E402

WAIT_SECONDS = 60
CONNECTORS = [PROJECT / "connectors" / name for name in ("shop-mysql.json", "shop-postgres.json")]


def databases(servers, mysql_kind):
    """A connection to the shop of each database, and the environment that the connector files name."""
    postgres, mysql = servers.start("postgres"), servers.start(mysql_kind)
    postgres_connection(postgres).execute("CREATE DATABASE shop")
    mysql_connection(mysql).cursor().execute("CREATE DATABASE shop")
    shops = {"mysql": mysql_connection(mysql, "shop"), "postgres": postgres_connection(postgres, "shop")}
    for name, connection in shops.items():
        shop.create(connection, name)
    environment = {
        "MYSQL_HOST": HOST, "MYSQL_PORT": str(mysql["port"]), "MYSQL_USER": "dbz", "MYSQL_PASSWORD": "dbz",
        "POSTGRES_HOST": HOST, "POSTGRES_PORT": str(postgres["port"]), "POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": ""}
    return shops, environment


class Watcher:
    """Shows events as they arrive, and waits for those that must come."""

    def __init__(self, source, daemon):
        self.source, self.daemon = source, daemon
        self.seen = {"mysql": set(), "postgres": set()}

    def show(self, seconds):
        event = self.source.next(seconds)
        if event is None:
            return
        print(event, flush=True)
        if event.op and event.database in self.seen:
            self.seen[event.database].add(event.what)

    def wait_for(self, expected, names):
        end = time.monotonic() + WAIT_SECONDS
        while any(expected - self.seen[name] for name in names):
            self.daemon.check()
            if time.monotonic() > end:
                missing = {name: sorted(map(str, expected - self.seen[name])) for name in names}
                raise Failed(f"not seen within {WAIT_SECONDS} s: {missing}\n{self.daemon.tail()}")
            self.show(0.1)


def course(shops, watcher):
    print("\n-- the snapshot: what the tables held before", flush=True)
    watcher.wait_for(shop.SNAPSHOT, shops)
    for statements, expected in shop.STEPS:
        for name, connection in shops.items():
            print(f"\n{name}> {'; '.join(statements)};", flush=True)
            shop.apply(connection, statements)
            watcher.wait_for(expected, [name])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rowtide")
    parser.add_argument("--mysql", default="mysql80")
    parser.add_argument("--kafka", action="store_true", help="through a broker, read back by librdkafka's Python client")
    parser.add_argument("--avro", action="store_true", help="as Avro under a schema registry, read back by Confluent's deserializer")
    arguments = parser.parse_args()
    through_kafka = arguments.kafka or arguments.avro
    interruptible()
    with Servers("demo") as servers:
        shops, environment = databases(servers, arguments.mysql)
        settings = {"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"}
        contract = None
        if through_kafka:
            broker = servers.start("kafka")
            settings["bootstrap.servers"] = f"{HOST}:{broker['port']}"
        if arguments.avro:
            contract = Contract(servers.start("registry")["port"])
            settings |= contract.settings()
        daemon = servers.daemon(arguments.rowtide, settings)
        daemon.start(CONNECTORS, environment, subprocess.DEVNULL if through_kafka else subprocess.PIPE)
        source = FromKafka(broker["port"], contract) if through_kafka else FromStdout(daemon.process.stdout)
        watcher = Watcher(source, daemon)
        with closing(source):
            course(shops, watcher)
            if contract:
                contract.show()
            status = daemon.stop()
        if status != 0:
            raise Failed(f"rowtide was stopped and ended with status {status}:\n{daemon.tail()}")
    ops = {name: [op for op in "rcud" if op in {op for _, op, _ in seen}] for name, seen in watcher.seen.items()}
    print("\n-- seen: " + "; ".join(f"{name}: {' '.join(found)}" for name, found in ops.items()))
    if any(found != list("rcud") for found in ops.values()):
        raise Failed("not every kind of event was seen for both databases")


if __name__ == "__main__":
    try:
        main()
    except Failed as problem:
        sys.exit(f"demo: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
