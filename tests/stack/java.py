"""What runs on Java: a Kafka broker (KRaft, one node), a Kafka Connect worker with Debezium, a schema registry.

Options are the server's own properties (`message.max.bytes=2000000`); `heap=1g` is the Java heap, `jvm=-Dname=value` an option
of Java, and `second.of=PORT` makes a broker the second one of the cluster whose controller is at that port;
`more.listeners=TLS://127.0.0.1:PORT,…` are added.
"""

import base64
import signal
import socket
import struct
import urllib.request
import uuid

import install
from base import HOST, TEMPLATE, copy_tree, locked, replacing, run

LOG4J = """Configuration:
  Appenders:
    Console: { name: OUT, PatternLayout: { pattern: "[%d] %p %m (%c)%n" } }
  Loggers:
    Root: { level: LEVEL, AppenderRef: [ { ref: OUT } ] }
"""

BROKER = """process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
num.partitions=1
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=134217728
message.max.bytes=10485760
"""

WORKER = """key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
rest.advertised.host.name=127.0.0.1
plugin.discovery=service_load
offset.flush.interval.ms=1000
group.id=connect
config.storage.topic=connect-configs
config.storage.replication.factor=1
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.topic=connect-status
status.storage.replication.factor=1
status.storage.partitions=1
scheduled.rebalance.max.delay.ms=0
"""


# Options that are no properties.
OURS = ("heap", "jvm", "second.of", "more.listeners")


class JavaServer:
    PORTS, HEAP, LEVEL = 1, "512m", "WARN"
    STOP, KILL = signal.SIGTERM, signal.SIGKILL

    def prepare(self, instance):
        instance.data.mkdir()

    def before_start(self, instance):
        (instance.dir / "log4j2.yaml").write_text(LOG4J.replace("LEVEL", self.LEVEL))
        (instance.dir / "server.properties").write_text(self.properties(instance))

    def java(self, instance, *options):
        heap = instance.options.get("heap", self.HEAP)
        more = [instance.options["jvm"]] if "jvm" in instance.options else []
        return ["java", *more, f"-Xms{heap}", f"-Xmx{heap}", "-Xshare:auto",
                f"-Dlog4j2.configurationFile={instance.dir / 'log4j2.yaml'}", *options]

    def with_options(self, text, instance):
        own = {name: value for name, value in instance.options.items() if name not in OURS}
        return text + "".join(f"{name}={value}\n" for name, value in own.items())


class Kafka(JavaServer):
    NAME, PORTS = "kafka", 2     # the second is the controller's

    def install(self):
        return install.kafka()

    def properties(self, instance):
        port, controller = instance.ports
        if other := instance.options.get("second.of"):
            return self.with_options(
                f"{BROKER}process.roles=broker\nnode.id=2\ncontroller.quorum.voters=1@{HOST}:{other}\n"
                f"log.dirs={instance.data}\nlisteners=PLAINTEXT://{HOST}:{port}\n", instance)
        more = "".join(f",{listener}" for listener in instance.options.get("more.listeners", "").split(",") if listener)
        return self.with_options(
            f"{BROKER}controller.quorum.voters=1@{HOST}:{controller}\nlog.dirs={instance.data}\n"
            f"listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}{more}\n"
            f"advertised.listeners=PLAINTEXT://{HOST}:{port}{more}\n", instance)

    def prepare(self, instance):
        """Formatting takes a Java start, and its result names no address, so it is done once."""
        home = self.install()
        template = TEMPLATE / "kafka"
        with locked(template.name):
            if not template.exists():
                with replacing(template) as new:
                    properties = new / "server.properties"
                    properties.write_text(
                        f"{BROKER}controller.quorum.voters=1@{HOST}:9093\nlog.dirs={new / 'data'}\n"
                        f"listeners=PLAINTEXT://{HOST}:9092,CONTROLLER://{HOST}:9093\n")
                    (new / "log4j2.yaml").write_text(LOG4J.replace("LEVEL", "ERROR"))
                    cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
                    run(["java", "-Xmx256m", f"-Dlog4j2.configurationFile={new / 'log4j2.yaml'}", "-cp", f"{home}/libs/*",
                         "kafka.tools.StorageTool", "format", "-t", cluster, "-c", properties])
        copy_tree(template / "data", instance.data)
        if "second.of" in instance.options:
            # Another node of the same cluster, with a folder of its own.
            folder = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
            metadata = instance.data / "meta.properties"
            lines = dict(line.split("=", 1) for line in metadata.read_text().splitlines() if "=" in line)
            lines |= {"node.id": "2", "directory.id": folder}
            metadata.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def command(self, instance):
        home = self.install()
        return [*self.java(instance, f"-Dkafka.logs.dir={instance.dir}", "-XX:+UseG1GC"), "-cp", f"{home}/libs/*",
                "kafka.Kafka", instance.dir / "server.properties"]

    def answers(self, instance):
        """A metadata request (version 1, no topics) is answered with brokers of which it is one: it is not fenced any more."""
        body = struct.pack(">hhih", 3, 1, 1, 2) + b"ok" + struct.pack(">i", 0)
        try:
            with socket.create_connection((HOST, instance.port), 1) as connection:
                connection.settimeout(5)
                connection.sendall(struct.pack(">i", len(body)) + body)
                reading = connection.makefile("rb")
                answer = reading.read(struct.unpack(">i", reading.read(4))[0])
                return instance.port in broker_ports(answer)
        except (OSError, struct.error):
            return False


def broker_ports(metadata):
    """The ports of the brokers in an answer of that version: after an id and their number, each with id, host, port, rack."""
    (count,), at, ports = struct.unpack_from(">i", metadata, 4), 8, []
    for _ in range(count):
        (host,) = struct.unpack_from(">h", metadata, at + 4)
        port, rack = struct.unpack_from(">ih", metadata, at + 6 + host)
        ports.append(port)
        at += 12 + host + max(rack, 0)
    return ports


class Connect(JavaServer):
    """Needs the option bootstrap.servers."""

    NAME, LEVEL = "connect", "INFO"

    def install(self):
        return install.connect()

    def properties(self, instance):
        return self.with_options(
            f"{WORKER}listeners=http://{HOST}:{instance.port}\nplugin.path={self.install()}\n", instance)

    def java(self, instance, *options):
        # A worker's heap grows as Connect's own start script lets it: from 256 MB on.
        return [*super().java(instance, *options), "-Xms256m"]

    def command(self, instance):
        return [*self.java(instance, "-XX:+UseG1GC"), "-cp", f"{install.kafka()}/libs/*",
                "org.apache.kafka.connect.cli.ConnectDistributed", instance.dir / "server.properties"]

    def answers(self, instance):
        return http_ok(f"http://{HOST}:{instance.port}/connectors")


class Registry(JavaServer):
    """Confluent's API is at /apis/ccompat/v7."""

    NAME, HEAP = "registry", "256m"

    def install(self):
        return install.registry()

    def properties(self, instance):
        deletion = "".join(f"apicurio.rest.deletion.{what}.enabled=true\n" for what in ("artifact-version", "artifact", "group"))
        return self.with_options(
            f"quarkus.http.host={HOST}\nquarkus.http.port={instance.port}\nquarkus.log.level=WARN\n{deletion}"
            f"apicurio.storage.kind=sql\napicurio.storage.sql.kind=h2\n"
            f"apicurio.datasource.url=jdbc:h2:file:{instance.data}/registry\n", instance)

    def command(self, instance):
        jar = next(self.install().glob("**/*-runner.jar"))
        return [*self.java(instance, f"-Dquarkus.config.locations={instance.dir / 'server.properties'}"), "-jar", jar]

    def answers(self, instance):
        return http_ok(f"http://{HOST}:{instance.port}/apis/ccompat/v7/subjects")


def http_ok(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
