"""The two that are compared, with the same face: run a connector, stop it, run it again."""

import json
import time
import urllib.error
import urllib.request

from base import HOST
from measure import forget_peak
from servers import Failed


def chain(**transforms):
    """Properties of a chain, in the order of its members: the class and its options."""
    properties = {"transforms": ",".join(transforms)}
    for name, (kind, options) in transforms.items():
        properties |= {f"transforms.{name}.type": kind, **{f"transforms.{name}.{key}": value for key, value in options.items()}}
    return properties


UNWRAP, CONNECT = "io.debezium.transforms.ExtractNewRecordState", "org.apache.kafka.connect.transforms"
# What users have: none, the row alone, the row with its origin, renamed, on a topic of another name; and five that leave the
# envelope as large as it is, so that no smaller events pay for them.
CHAINS = {
    "none": {},
    "unwrap": chain(unwrap=(UNWRAP, {})),
    "five": chain(
        unwrap=(UNWRAP, {"add.fields": "op,table,source.ts_ms"}),
        route=(f"{CONNECT}.RegexRouter", {"regex": r"(.*)\.bench", "replacement": "$1.orders"}),
        origin=(f"{CONNECT}.InsertField$Value", {"topic.field": "topic", "static.field": "origin", "static.value": "shop"}),
        fields=(f"{CONNECT}.ReplaceField$Value", {"exclude": "written", "renames": "note:comment,amount:total"}),
        time=(f"{CONNECT}.TimestampConverter$Value", {
            "field": "__source_ts_ms", "target.type": "string", "format": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"})),
    "whole": chain(
        keep=("io.debezium.transforms.Filter", {"language": "jsr223.groovy", "condition": "value.op != 'd'"}),
        route=(f"{CONNECT}.RegexRouter", {"regex": r"(.*)\.bench", "replacement": "$1.orders"}),
        origin=(f"{CONNECT}.InsertField$Value", {"topic.field": "topic", "static.field": "origin", "static.value": "shop"}),
        op=(f"{CONNECT}.HeaderFrom$Value", {"fields": "op", "headers": "op", "operation": "copy"}),
        version=(f"{CONNECT}.InsertHeader", {"header": "version", "value.literal": "2"})),
}


class Rowtide:
    NAME, LATENCY = "rowtide", True

    def __init__(self, servers, binary, broker, schemas):
        self.daemon = servers.daemon(
            binary, {"bootstrap.servers": f"{HOST}:{broker['port']}", **self.converters(servers, schemas)})

    def converters(self, _servers, schemas):
        return {"key.converter.schemas.enable": schemas, "value.converter.schemas.enable": schemas}

    @property
    def pid(self):
        return self.daemon.pid

    def topic(self, of_table):
        return of_table

    def run(self, connector, window):
        """Starts the process; the window is opened on its first moment."""
        file = self.daemon.folder / "connector.json"
        file.write_text(json.dumps({"name": "bench", "config": connector}))
        self.daemon.start([file])
        return window(self.pid)

    def tune(self, connector):
        """Its latency is measured with its defaults."""

    def check(self):
        self.daemon.check()

    def stop(self):
        self.daemon.stop()

    close = stop


class RowtideAvro(Rowtide):
    """The same with Avro under a schema registry; its rates are held against those of JSON."""

    NAME, LATENCY = "avro", False

    def converters(self, servers, _schemas):
        url = f"http://{HOST}:{servers.start('registry')['port']}/apis/ccompat/v7"
        return {f"{part}.converter{option}": value for part in ("key", "value")
                for option, value in (("", "io.confluent.connect.avro.AvroConverter"), (".schema.registry.url", url))}


class Transformed(Rowtide):
    """Ours with a chain of transforms, and a state of its own in each run, so that each reads the snapshot anew."""

    def __init__(self, servers, binary, broker, schemas, chain, number):
        super().__init__(servers, binary, broker, schemas)
        self.NAME, self.transforms = f"{chain}{number}", CHAINS[chain]

    def topic(self, of_table):
        return of_table.removesuffix("bench") + "orders" if "transforms.route.type" in self.transforms else of_table


def complete(connector, bootstrap, topic):
    """With what Debezium needs beyond ours: a topic for the history of MySQL's schemas."""
    if "mysql" not in connector["connector.class"]:
        return connector
    history = "schema.history.internal"
    return {**connector, f"{history}.kafka.bootstrap.servers": bootstrap, f"{history}.kafka.topic": topic,
            f"{history}.store.only.captured.tables.ddl": "true"}


class Debezium:
    NAME, LATENCY = "debezium", True

    def __init__(self, servers, broker, schemas):
        self.servers, self.bootstrap, self.runs = servers, f"{HOST}:{broker['port']}", False
        self.worker = servers.start("connect", **{
            "bootstrap.servers": self.bootstrap, "heap": "2g",
            "key.converter.schemas.enable": schemas, "value.converter.schemas.enable": schemas})

    @property
    def pid(self):
        return self.worker["pid"]

    def topic(self, of_table):
        return of_table

    def ask(self, method, path, body=None):
        """A request; Connect answers 409 while it rebalances."""
        for _ in range(60):
            request = urllib.request.Request(
                f"http://{HOST}:{self.worker['port']}{path}", method=method,
                data=json.dumps(body).encode() if body is not None else None, headers={"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code not in (404, 409):
                    raise Failed(f"{method} {path}: {error.code} {error.read()[:500]}") from None
            time.sleep(0.5)
        raise Failed(f"{method} {path}: no answer")

    def complete(self, connector):
        return complete(connector, self.bootstrap, "bench-history")

    def run(self, connector, window):
        forget_peak(self.pid)
        opened = window(self.pid)
        if self.runs:
            self.ask("PUT", "/connectors/bench/resume")
        else:
            self.ask("POST", "/connectors", {"name": "bench", "config": self.complete(connector)})
        self.runs = True
        return opened

    def tune(self, connector):
        """As someone does who wants low latency of it."""
        self.ask("PUT", "/connectors/bench/config", {**self.complete(connector), "poll.interval.ms": "10"})

    def check(self):
        try:
            status = self.ask("GET", "/connectors/bench/status")
        except OSError as error:
            raise Failed(f"Connect is gone: {error}") from error
        for task in status["tasks"]:
            if task["state"] == "FAILED":
                raise Failed(f"Debezium failed: {task['trace'][:2000]}")

    def stop(self):
        """Stopped when its task is gone: then its position is saved and its slot is free."""
        self.ask("PUT", "/connectors/bench/stop")
        while self.ask("GET", "/connectors/bench/status")["tasks"]:
            time.sleep(0.2)

    def close(self):
        self.servers.remove("connect")
