"""Reads topics with Confluent's client and its deserializers, by the schemas of a registry, and tells each row as text.

    independent.py avro|json BROKERS REGISTRY TOPIC COUNT

A line of JSON for each record: {"key": {…}, "op": …, "after": {column: text or null}}. What a number or a text stands for
is taken from the writer's schema (`connect.name`, logical types), as a consumer would: times are told with six digits
after the point and in UTC, bytes as hexadecimal digits. The JSON deserializer validates each record against its schema.
"""

import base64
import decimal
import json
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

WAIT_SECONDS = 60
# Digits of the longest number of a database; 28 are Python's default.
decimal.getcontext().prec = 200


def time_of_day(micros):
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(micros, 1_000_000)
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"


def instant(micros):
    return (datetime(1970, 1, 1) + timedelta(microseconds=micros)).isoformat(" ", "microseconds")


def zoned(text):
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed.astimezone(timezone.utc).replace(tzinfo=None).isoformat(" ", "microseconds")


TIMES = {
    "io.debezium.time.Date": lambda days: str(date(1970, 1, 1) + timedelta(days=days)),
    "io.debezium.time.Time": lambda millis: time_of_day(millis * 1000),
    "io.debezium.time.MicroTime": time_of_day,
    "io.debezium.time.Timestamp": lambda millis: instant(millis * 1000),
    "io.debezium.time.MicroTimestamp": instant,
    "io.debezium.time.ZonedTimestamp": zoned,
    "io.debezium.time.ZonedTime": lambda text: zoned(f"2000-01-01T{text}")[11:],
}


def told(value, name, is_bytes, scale):
    """A value as text; `name` is its Connect schema's."""
    if value is None:
        return None
    if is_bytes and isinstance(value, str):
        value = base64.b64decode(value, validate=True)
        if scale is not None:
            value = Decimal(int.from_bytes(value, "big", signed=True)).scaleb(-int(scale))
    if name in TIMES:
        return TIMES[name](value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    return str(value).lower() if isinstance(value, bool) else str(value)


class Avro:
    def __init__(self, client):
        self.read = AvroDeserializer(client)

    @staticmethod
    def row(schema):
        """{column: what `told` must know} of the rows of an envelope."""
        before = next(field["type"] for field in schema["fields"] if field["name"] == "before")
        return {field["name"]: Avro.column(field["type"]) for field in before[1]["fields"]}

    @staticmethod
    def column(of):
        of = next(branch for branch in of if branch != "null") if isinstance(of, list) else of
        of = of if isinstance(of, dict) else {"type": of}
        return of.get("connect.name"), of["type"] == "bytes", of.get("scale")


class Json:
    def __init__(self, client):
        self.read = JSONDeserializer(None, schema_registry_client=client)

    @staticmethod
    def row(schema):
        return {name: Json.column(of) for name, of in Json.bare(schema["properties"]["before"])["properties"].items()}

    @staticmethod
    def bare(of):
        return next(branch for branch in of["oneOf"] if branch.get("type") != "null") if "oneOf" in of else of

    @staticmethod
    def column(of):
        of = Json.bare(of)
        return of.get("title"), of.get("connect.type") == "bytes", of.get("connect.parameters", {}).get("scale")


def main(form, brokers, registry, topic, count):
    client = SchemaRegistryClient({"url": registry})
    form = {"avro": Avro, "json": Json}[form](client)
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "independent", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    for _ in range(int(count)):
        message = consumer.poll(WAIT_SECONDS)
        if message is None or message.error():
            raise SystemExit(f"no record of {topic} within {WAIT_SECONDS} s: {message and message.error()}")
        key = form.read(message.key(), SerializationContext(topic, MessageField.KEY))
        value = form.read(message.value(), SerializationContext(topic, MessageField.VALUE))
        schema = json.loads(client.get_schema(int.from_bytes(message.value()[1:5], "big")).schema_str)
        columns = form.row(schema)
        after = {name: told(part, *columns[name]) for name, part in value["after"].items()}
        print(json.dumps({"key": key, "op": value["op"], "after": after}), flush=True)
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
