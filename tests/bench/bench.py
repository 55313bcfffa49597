"""The benchmark's course, for each database:

0. how long starts take (start.py), with a few rows, which are gone then; and what transforms cost: a table of ROWS rows, read
   as a snapshot by Rowtide without a transform, with one and with five (of two kinds), in turn, as often as TRANSFORMS says;
   the medians count;
1. Rowtide reads the same rows as a snapshot, as JSON and as Avro, then Debezium its own;
2. ROWS further rows, in transactions of a thousand, while both are stopped;
3. Debezium, still warm, reads them from the log, then its latency is measured at 1,000 events a second; Connect ends;
4. the raw reader of the log, which throws everything away;
5. Rowtide reads them from the log, as Avro and as JSON, then its latency.

So both read the same rows and the same log, and neither runs while the other is measured. Rates are by the broker's
clock, first record to last. CPU is from the connector's start (ours: the process's) to the last record.
"""

import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stack"))

import start  # noqa: E402
from databases import Mysql, Postgres, load, version  # noqa: E402
from measure import Topics, Window, cpu_seconds, latencies_ms, peak_memory_mb, quantile  # noqa: E402
from report import Report  # noqa: E402
from servers import Failed, Servers, interruptible  # noqa: E402
from systems import CHAINS, Debezium, Rowtide, RowtideAvro, Transformed  # noqa: E402

PATIENCE_SECONDS = 900


class Bench:
    def __init__(self, database, servers, broker, topics, report, rows):
        self.database, self.servers, self.broker, self.topics = database, servers, broker, topics
        self.report, self.rows, self.next_id = report, rows, 1

    def load(self):
        load(self.database, self.next_id, self.rows)
        self.next_id += self.rows

    def pids(self, process):
        return {"process": process, "broker": self.broker["pid"], "database": self.database.server["pid"]}

    def topic(self, system):
        return system.topic(f"{system.NAME}.{self.database.TOPIC}")

    def throughput(self, system, phase):
        """Runs the connector until `rows` more records are in its topic."""
        line = self.measure(system, self.database.connector(system.NAME))
        self.report.add(database=self.database.NAME, phase=phase, system=system.NAME, **line)

    def measure(self, system, connector):
        topic = self.topic(system)
        first = self.topics.end(topic)
        window = system.run(connector, lambda pid: Window(self.pids(pid)))
        self.topics.wait_for(topic, first + self.rows, system.check, PATIENCE_SECONDS)
        wall, cpu = window.end()
        (start, size), (end, _) = self.topics.time_of(topic, first), self.topics.time_of(topic, first + self.rows - 1)
        return {
            "events": self.rows, "value_bytes": size, "wall_seconds": wall,
            "events_per_second": self.rows / max(end - start, 0.001),
            "cpu_seconds_per_million": {name: seconds * 1e6 / self.rows for name, seconds in cpu.items()},
            "cores": {name: seconds / wall for name, seconds in cpu.items()}, "peak_memory_mb": peak_memory_mb(system.pid)}

    def transforms(self, make, rounds):
        """The snapshot again and again, with each chain in turn, so that what drifts harms all of them alike."""
        self.read_with(make("none", 0))
        chains = list(CHAINS)
        for turn in range(rounds):
            first = turn % len(chains)
            for chain in chains[first:] + chains[:first]:
                line = self.read_with(make(chain, turn + 1))
                self.report.add(database=self.database.NAME, phase="transforms", system=chain, round=turn + 1, **line)

    def read_with(self, system):
        topic = self.topic(system)
        self.topics.create(topic)
        line = self.measure(system, {**self.database.connector(system.NAME), **system.transforms})
        system.close()
        self.database.forget(system.NAME)
        self.topics.delete(topic)
        return line

    def latency(self, system, seconds):
        topic = self.topic(system)
        system.tune(self.database.connector(system.NAME))
        self.probe(system, topic)
        window = Window(self.pids(system.pid))
        found = latencies_ms(self.database, self.topics, topic, self.next_id, seconds, system.check)
        self.next_id += int(seconds * 1000)
        wall, cpu = window.end()
        self.report.add(
            database=self.database.NAME, phase="latency", system=system.NAME, events=len(found),
            latency_ms={"p50": quantile(found, 0.5), "p90": quantile(found, 0.9), "p99": quantile(found, 0.99), "max": found[-1]},
            cores={name: spent / wall for name, spent in cpu.items()}, peak_memory_mb=peak_memory_mb(system.pid))

    def probe(self, system, topic):
        """Writes a row now and then until one arrives, so that the connector streams, and all before is through."""
        count, end = self.topics.end(topic), time.monotonic() + 120
        written = 0
        while self.topics.end(topic) == count:
            system.check()
            if time.monotonic() > end:
                raise Failed(f"{system.NAME} does not stream")
            self.database.insert(self.database.connection, self.next_id, 1)
            self.next_id, written = self.next_id + 1, written + 1
            time.sleep(0.5)
        self.topics.wait_for(topic, count + written, system.check, 60)

    def raw(self):
        before, start = cpu_seconds(self.database.server["pid"]), time.monotonic()
        self.database.read_raw()
        wall, cpu = time.monotonic() - start, cpu_seconds(self.database.server["pid"]) - before
        self.report.add(
            database=self.database.NAME, phase="stream", system="raw", events=self.rows, wall_seconds=wall,
            events_per_second=self.rows / wall, cpu_seconds_per_million={"database": cpu * 1e6 / self.rows},
            cores={"database": cpu / wall})

    def begin(self):
        self.load()
        self.database.settle()

    def course(self, makers, seconds):
        systems = []
        for make in makers:
            system = make()
            systems.append(system)
            self.topics.create(self.topic(system))
            self.throughput(system, "snapshot")
            system.stop()
        self.database.mark()
        self.load()
        for system in reversed(systems):
            if system is systems[0]:
                self.raw()
            self.throughput(system, "stream")
            if system.LATENCY:
                self.latency(system, seconds)
            system.close()
            self.topics.delete(self.topic(system))


def main():
    rows, only = int(os.environ.get("ROWS", "1000000")), os.environ.get("ONLY", "pg,mysql").split(",")
    peer, avro, course = (os.environ.get(name, "1") != "0" for name in ("PEER", "AVRO", "COURSE"))
    rounds, starts = int(os.environ.get("TRANSFORMS", "3")), int(os.environ.get("START", "5"))
    schemas = "true" if os.environ.get("SCHEMAS", "0") == "1" else "false"
    seconds = float(os.environ.get("SECONDS_OF_LATENCY", "20"))
    binary, report = os.environ["ROWTIDE"], Report()
    interruptible()
    makers = {"pg": Postgres, "mysql": lambda servers: Mysql(servers, os.environ.get("MYSQL", "mysql97"))}
    print(f"{rows} rows, {os.cpu_count()} cores, {platform.machine()}, JSON {'with' if schemas == 'true' else 'without'} schemas")
    for name in only:
        with Servers("bench") as servers:
            broker = servers.start("kafka", heap="1g")
            topics = Topics(broker)
            topics.warm(min(rows, 300000))
            database = makers[name](servers)
            print(f"{name} {version(database)}", flush=True)
            chosen = [(True, lambda: Rowtide(servers, binary, broker, schemas)),
                      (avro, lambda: RowtideAvro(servers, binary, broker, schemas)),
                      (peer, lambda: Debezium(servers, broker, schemas))]
            makers_chosen = [make for wanted, make in chosen if wanted]
            if starts > 0:
                # What a start without a connector takes knows of no database.
                start.measure(database, servers, binary, broker, topics, report, starts, peer, name == only[0])
            if rounds == 0 and not course:
                continue
            bench = Bench(database, servers, broker, topics, report, rows)
            bench.begin()
            if rounds > 0:
                bench.transforms(lambda chain, number: Transformed(servers, binary, broker, schemas, chain, number), rounds)
            if course:
                bench.course(makers_chosen, seconds)
    report.starts()
    report.ratios()
    report.transforms()


if __name__ == "__main__":
    try:
        main()
    except Failed as problem:
        sys.exit(f"bench: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
