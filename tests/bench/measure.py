"""What is measured: the CPU time and the memory of processes, the records of a topic, the latency to a consumer."""

import json
import multiprocessing
import os
import time
from pathlib import Path

from base import HOST
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from servers import Failed

TICK = os.sysconf("SC_CLK_TCK")


# --- processes --------------------------------------------------------------------------


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on (its third)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid):
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat_fields(entry.parent.name)[1]) == pid:
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def cpu_seconds(pid):
    """User and system time of a process, its children that run, and those that ended."""
    fields = stat_fields(pid)
    total = sum(map(int, fields[11:15]))
    for child in children(pid):
        try:
            total += sum(map(int, stat_fields(child)[11:13]))
        except OSError:
            continue
    return total / TICK


def peak_memory_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


class Window:
    """The CPU time that named processes use from here to `end`, and the time on the wall."""

    def __init__(self, pids):
        self.pids = pids
        self.start, self.before = time.monotonic(), {name: cpu_seconds(pid) for name, pid in pids.items()}

    def end(self):
        wall = time.monotonic() - self.start
        return wall, {name: cpu_seconds(pid) - self.before[name] for name, pid in self.pids.items()}


# --- topics -----------------------------------------------------------------------------


class Topics:
    def __init__(self, broker):
        # Quiet: these clients outlive the broker.
        self.client = {"bootstrap.servers": f"{HOST}:{broker['port']}", "log_level": 0}
        self.admin = AdminClient(self.client)
        self.consumer = self.new_consumer("watch")

    def new_consumer(self, group):
        return Consumer({**self.client, "group.id": group, "enable.auto.commit": False,
                         "auto.offset.reset": "earliest"})

    def create(self, topic):
        """One partition; the broker's clock stamps the records, so that rates are the broker's to tell."""
        settings = {"message.timestamp.type": "LogAppendTime"}
        self.admin.create_topics([NewTopic(topic, 1, 1, config=settings)])[topic].result(30)
        # The consumer remembers for long that a topic was not there when it asked a moment too early.
        for _ in range(100):
            if self.consumer.list_topics(topic, timeout=10).topics[topic].partitions:
                return
            time.sleep(0.1)
        raise Failed(f"topic {topic} does not appear")

    def delete(self, topic):
        self.admin.delete_topics([topic])[topic].result(30)

    def end(self, topic):
        return self.consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1]

    def time_of(self, topic, offset):
        """When the broker wrote that record, in seconds."""
        self.consumer.assign([TopicPartition(topic, 0, offset)])
        message = self.consumer.poll(20)
        self.consumer.unassign()
        if message is None or message.error():
            raise Failed(f"{topic} has no record {offset}")
        return message.timestamp()[1] / 1000, len(message.value() or b"")

    def wait_for(self, topic, count, check, seconds):
        """Looks twenty times a second, and asks once a second whether all is well, which costs who is asked."""
        start, looks = time.monotonic(), 0
        while self.end(topic) < count:
            looks += 1
            if looks % 20 == 0:
                check()
            if time.monotonic() > start + seconds:
                raise Failed(f"{topic} holds {self.end(topic)} of {count} records after {seconds} s")
            time.sleep(0.05)

    def warm(self, records):
        """A broker that has not written yet is slow, to the harm of whoever comes first."""
        self.create("warm")
        producer = Producer({**self.client, "linger.ms": 5})
        for number in range(records):
            producer.produce("warm", b"x" * 600, key=b"%d" % number)
            producer.poll(0)
            if number % 50000 == 0:
                producer.flush()
        producer.flush()
        self.delete("warm")


# --- latency ----------------------------------------------------------------------------

TRANSACTIONS_A_SECOND, ROWS_EACH = 100, 10


def write_steadily(database, first, seconds):
    """In a process of its own: a hundred transactions of ten rows a second, on the beat."""
    connection = database.connect()
    start = time.monotonic()
    for beat in range(int(seconds * TRANSACTIONS_A_SECOND)):
        time.sleep(max(0.0, start + beat / TRANSACTIONS_A_SECOND - time.monotonic()))
        database.insert(connection, first + beat * ROWS_EACH, ROWS_EACH)


def latencies_ms(database, topics, topic, first, seconds, check):
    """From a row's own clock to our receiving it, sorted; the first sixth is left out."""
    consumer = topics.new_consumer("latency")
    consumer.assign([TopicPartition(topic, 0, topics.end(topic))])
    writer = multiprocessing.get_context("fork").Process(target=write_steadily, args=(database, first, seconds))
    writer.start()
    count, found, end = int(seconds * TRANSACTIONS_A_SECOND) * ROWS_EACH, [], time.monotonic() + seconds + 60
    while len(found) < count:
        message = consumer.poll(1)
        now = time.time()
        if message is not None and not message.error():
            value = json.loads(message.value())
            found.append(now * 1000 - value.get("payload", value)["after"]["written"] / 1000)
            continue
        check()
        if time.monotonic() > end:
            raise Failed(f"{len(found)} of {count} records came")
    writer.join()
    consumer.close()
    return sorted(found[count // 6:])


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
