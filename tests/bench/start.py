"""How long a start takes: of a process without a connector until it says that it is ready, and of one with a connector, which
has read its tables before, until the first row from the log can be read in Kafka. Both systems in turn.

Clocks start before the process does. Ready is `GET /readyz` of ours, `GET /` and `GET /connectors` of a Connect worker: the
first 200 of each. The row is written while the process is down, and waited for by a consumer that stands at the topic's end.
Each system has started before, so that its own topics and files are there, and stops cleanly between two starts.
"""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

from base import HOST
from confluent_kafka import TopicPartition
from instance import Instance
from java import Connect
from servers import Failed, die_with_parent
from systems import complete

PATIENCE_SECONDS = 120
# Between two looks whether it answers: often enough for the faster, seldom enough not to slow down the slower.
LOOK_SECONDS = 0.005


class System:
    """A process with a REST interface."""

    def answers(self, path):
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ask(self, method, path, body=None):
        """A request; Connect answers 409 while it rebalances, and 404 until a new connector is known everywhere."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            request = urllib.request.Request(
                f"http://{HOST}:{self.port}{path}", method=method,
                data=json.dumps(body).encode() if body is not None else None, headers={"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code not in (404, 409) or time.monotonic() > end:
                    raise Failed(f"{self.NAME}: {method} {path}: {error.code} {error.read()[:500]}") from None
            time.sleep(0.2)

    def wait(self, what, reached):
        end = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            self.check()
            if time.monotonic() > end:
                raise Failed(f"{self.NAME}: {what}: not within {PATIENCE_SECONDS} s")

    def ready(self):
        """Starts it, and gives the seconds until all of its paths have answered."""
        start = time.monotonic()
        self.launch()
        for path in self.PATHS:
            self.wait(f"GET {path}", lambda: self.answers(path) or time.sleep(LOOK_SECONDS))
        return time.monotonic() - start


class Rowtide(System):
    NAME, PATHS = "rowtide", ("/readyz",)

    def __init__(self, servers, binary, broker):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.daemon = servers.daemon(binary, {
            "bootstrap.servers": f"{HOST}:{broker['port']}", "rest.port": self.port,
            "key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"})

    def complete(self, connector):
        return connector

    def launch(self):
        self.daemon.start([])

    def check(self):
        self.daemon.check()

    def stop(self):
        if (status := self.daemon.stop()) != 0:
            raise Failed(f"rowtide stopped with status {status}:\n{self.daemon.tail()}")

    def close(self):
        self.daemon.stop()


class Debezium(System):
    """A worker that `stack` has prepared and started once; from then on it is ours to start and to stop."""

    NAME, PATHS = "debezium", ("/", "/connectors")

    def __init__(self, servers, broker):
        self.servers, self.bootstrap = servers, f"{HOST}:{broker['port']}"
        # Topics of its own: other parts of the benchmark have a worker of their own.
        topics = {f"{what}.storage.topic": f"start-{what}" for what in ("config", "offset", "status")}
        told = servers.start("connect", **{
            "bootstrap.servers": self.bootstrap, "heap": "2g", "group.id": "start", **topics,
            "key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"})
        servers.stack("stop", told["name"])
        self.instance, self.port, self.process = Instance(told["name"]), told["port"], None

    def complete(self, connector):
        return complete(connector, self.bootstrap, "start-history")

    def launch(self):
        command = [str(part) for part in Connect().command(self.instance)]
        with open(self.instance.log, "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.instance.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)

    def check(self):
        if self.process.poll() is not None:
            tail = self.instance.log.read_text(errors="replace").splitlines()[-20:]
            raise Failed("Connect ended:\n" + "\n".join(tail))

    def stop(self):
        self.process.terminate()
        self.process.wait(90)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.servers.remove("connect")


class Start:
    def __init__(self, database, topics, report):
        self.database, self.topics, self.report, self.last_id = database, topics, report, 0

    def row(self):
        """Writes one."""
        self.last_id += 1
        self.database.insert(self.database.connection, self.last_id, 1)

    def measure(self, systems, with_ready):
        """`systems`: each with the number of its starts. They are left stopped."""
        if with_ready:
            self.rounds("ready", systems, lambda system: system.ready())
        for system, _ in systems:
            self.register(system)
        self.rounds("first row", systems, self.first_row)

    def rounds(self, phase, systems, once):
        """In turn, so that what drifts harms both alike."""
        seconds = {system.NAME: [] for system, _ in systems}
        for turn in range(max(times for _, times in systems)):
            for system, times in systems:
                if turn < times:
                    seconds[system.NAME].append(once(system))
                    system.stop()
        for system, _ in systems:
            of_phase = {"phase": f"start, {phase}", "system": system.NAME, "start_seconds": seconds[system.NAME]}
            self.report.add(database=self.database.NAME, **of_phase)

    def register(self, system):
        """Its snapshot is done, and it streams: a row that is written then has come."""
        name = f"start{system.NAME}"
        topic = f"{name}.{self.database.TOPIC}"
        self.topics.create(topic)
        system.ready()
        system.ask("POST", "/connectors", {"name": "start", "config": system.complete(self.database.connector(name))})
        system.wait("its task runs", lambda: self.runs(system) or time.sleep(0.2))
        consumer = self.at_end(topic)
        # One that is written while the snapshot is read is not of the log.
        system.wait("a row of the log", lambda: self.row() or any(self.comes(system, consumer) for _ in range(10)))
        consumer.close()
        system.stop()

    @staticmethod
    def runs(system):
        return [task["state"] for task in system.ask("GET", "/connectors/start/status")["tasks"]] == ["RUNNING"]

    def first_row(self, system):
        topic = f"start{system.NAME}.{self.database.TOPIC}"
        consumer = self.at_end(topic)
        self.row()
        start = time.monotonic()
        system.launch()
        system.wait("a row of the log", lambda: self.comes(system, consumer))
        took = time.monotonic() - start
        consumer.close()
        return took

    def at_end(self, topic):
        """A consumer that stands at the end of the topic, and whose first request for more has been answered."""
        consumer = self.topics.new_consumer(f"start-{os.getpid()}")
        consumer.assign([TopicPartition(topic, 0, self.topics.end(topic))])
        consumer.poll(1)
        return consumer

    def comes(self, system, consumer):
        """Whether the row that was written last comes within a moment, from the log."""
        message = consumer.poll(0.1)
        if message is None or message.error() or message.value() is None:
            system.check()
            return False
        value = json.loads(message.value())
        return value["op"] == "c" and value["after"]["id"] == self.last_id


def measure(database, servers, binary, broker, topics, report, rounds, peer, with_ready):
    """The whole part, which leaves the table empty and nothing running."""
    start = Start(database, topics, report)
    start.row()
    systems = [(Rowtide(servers, binary, broker), rounds)]
    if peer:
        systems.append((Debezium(servers, broker), min(rounds, 3)))
    systems[0][0].ready()
    systems[0][0].stop()
    start.measure(systems, with_ready)
    for system, _ in systems:
        system.close()
        database.forget(f"start{system.NAME}")
        topics.delete(f"start{system.NAME}.{database.TOPIC}")
    database.clear()
