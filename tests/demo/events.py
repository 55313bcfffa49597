"""Where the demo's events come from, the daemon's standard output or Kafka, and how they are shown."""

import json
import queue
import sys
import threading

from base import HOST

COLOURS = {"r": "36", "c": "32", "u": "33", "d": "31"}


class Event:
    def __init__(self, topic, key, value):
        key, value = (unwrapped(part) for part in (key, value))
        self.database, _, rest = topic.partition(".")
        self.table = rest.rpartition(".")[2]
        self.topic, self.key, self.value = topic, key, value
        self.op = value.get("op") if isinstance(value, dict) else None

    @property
    def what(self):
        """(table, op, key), as the shop's steps name what they expect."""
        key = next(iter(self.key.values())) if isinstance(self.key, dict) and self.key else None
        return self.table, self.op, key

    def __str__(self):
        if self.op is None:
            kind = "tombstone" if self.value is None else "other"
            return f"      {kind:<2} {self.topic}  {compact(self.key)}"
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


class FromKafka:
    """What an independent client reads from the topics."""

    def __init__(self, port):
        from confluent_kafka import Consumer
        self.consumer = Consumer({
            "bootstrap.servers": f"{HOST}:{port}", "group.id": "demo", "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 200, "enable.auto.commit": False,
            "log_level": 0})
        self.consumer.subscribe(["^(mysql|postgres)\\..*"])

    def next(self, seconds):
        message = self.consumer.poll(seconds)
        if message is None or message.error():
            return None
        key, value = (json.loads(part) if part else None for part in (message.key(), message.value()))
        return Event(message.topic(), key, value)

    def close(self):
        self.consumer.close()
