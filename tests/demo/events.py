"""Where the demo's events come from, the daemon's standard output or Kafka, and how they are shown."""

import json
import queue
import sys
import threading

from base import HOST
from shop import TOMBSTONE

COLOURS = {"r": "36", "c": "32", "u": "33", "d": "31"}


class Event:
    def __init__(self, topic, key, value):
        key, value = (unwrapped(part) for part in (key, value))
        self.database, _, rest = topic.partition(".")
        self.table = rest.rpartition(".")[2]
        self.topic, self.key, self.value = topic, key, value
        self.op = value.get("op") if isinstance(value, dict) else TOMBSTONE if value is None else None

    @property
    def what(self):
        """(table, op, key), as the shop's steps name what they expect."""
        key = next(iter(self.key.values())) if isinstance(self.key, dict) and self.key else None
        return self.table, self.op, key

    def __str__(self):
        if isinstance(self.value, dict) and "ddl" in self.value:
            return f"      {self.topic:<25} {' '.join(self.value['ddl'].split())}"
        if self.op in (None, TOMBSTONE):
            return f"      {self.topic:<25} key {compact(self.key)}  {self.op or compact(self.value)}"
        mark = f"\033[{COLOURS.get(self.op, '0')}m{self.op}\033[0m" if sys.stdout.isatty() else self.op
        before, after = self.value.get("before"), self.value.get("after")
        text = compact(after or before)
        if before and after:
            changed = [f"{name}: {compact(before.get(name))} -> {compact(new)}" for name, new in after.items() if before.get(name) != new]
            text = f"{text}  changed {', '.join(changed)}"
        return f"   {mark}  {self.topic:<25} key {compact(self.key)}  {text}"


def unwrapped(part):
    """A converter with schemas wraps what it converts."""
    return part["payload"] if isinstance(part, dict) and set(part) == {"schema", "payload"} else part


def compact(value):
    return json.dumps(value, ensure_ascii=False)


class FromStdout:
    """The daemon's own lines, one event each."""

    def __init__(self, stream):
        self.lines = queue.SimpleQueue()
        threading.Thread(target=lambda: [self.lines.put(line) for line in stream], daemon=True).start()

    def next(self, seconds):
        try:
            told = json.loads(self.lines.get(timeout=seconds))
        except queue.Empty:
            return None
        return Event(told["topic"], told["key"], told["value"])

    def close(self):
        pass


class Contract:
    """The schema registry: what the daemon is told of it, and Confluent's deserializer, which reads by its schemas."""

    CONVERTER = "io.confluent.connect.avro.AvroConverter"

    def __init__(self, port):
        from confluent_kafka.schema_registry import SchemaRegistryClient
        from confluent_kafka.schema_registry.avro import AvroDeserializer
        self.url = f"http://{HOST}:{port}/apis/ccompat/v7"
        self.client = SchemaRegistryClient({"url": self.url})
        self.deserializer, self.last = AvroDeserializer(self.client), None

    def settings(self):
        return {f"{part}.converter{option}": value for part in ("key", "value")
                for option, value in (("", self.CONVERTER), (".schema.registry.url", self.url))}

    def decode(self, topic, part, field):
        from confluent_kafka.serialization import SerializationContext
        decoded = self.deserializer(part, SerializationContext(topic, field))
        if field == "value":
            self.last = topic, part, decoded
        return plain(decoded)

    def show(self):
        print("\n-- the registry's subjects", flush=True)
        for subject in sorted(self.client.get_subjects()):
            latest = self.client.get_latest_version(subject)
            print(f"   {subject:<35} version {latest.version}, id {latest.schema_id}", flush=True)
        topic, part, decoded = self.last
        print(f"\n-- one event of {topic}: {len(part)} bytes of Avro, schema id {int.from_bytes(part[1:5])}; decoded:", flush=True)
        print("   " + json.dumps(plain(decoded), ensure_ascii=False, indent=2).replace("\n", "\n   "), flush=True)


def plain(value):
    """What JSON has no type for, as text."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else value.hex() if isinstance(value, bytes) else str(value)


class FromKafka:
    """What an independent client reads from the topics, each from its start, in no group that could rebalance."""

    def __init__(self, port, contract=None):
        from confluent_kafka import Consumer
        self.decode = contract.decode if contract else lambda _topic, part, _field: json.loads(part)
        self.consumer = Consumer({
            "bootstrap.servers": f"{HOST}:{port}", "group.id": "demo", "enable.auto.commit": False, "log_level": 0})
        self.topics = set()

    def take_new_topics(self):
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition
        listed = {name: topic for name, topic in self.consumer.list_topics(timeout=10).topics.items()
                  if not name.startswith("_") and name not in self.topics and topic.partitions}
        for name, topic in listed.items():
            self.consumer.incremental_assign([TopicPartition(name, p, OFFSET_BEGINNING) for p in topic.partitions])
        self.topics |= set(listed)

    def next(self, seconds):
        message = self.consumer.poll(seconds)
        if message is None:
            self.take_new_topics()
        if message is None or message.error():
            return None
        parts = ((message.key(), "key"), (message.value(), "value"))
        key, value = (self.decode(message.topic(), part, field) if part else None for part, field in parts)
        return Event(message.topic(), key, value)

    def close(self):
        self.consumer.close()
