use std::sync::Arc;

use super::tests::{applied, check, datum};
use crate::data::{Field, Kind, Schema, Value, semantic};

const NOW: i64 = 1_709_210_096_789;
const DATE: &str = "INT32(org.apache.kafka.connect.data.Date)";
const TIME: &str = "INT32(org.apache.kafka.connect.data.Time)";
const TIMESTAMP: &str = "INT64(org.apache.kafka.connect.data.Timestamp)";

fn timestamp() -> Schema {
    semantic::of(Kind::Int64, semantic::CONNECT_TIMESTAMP)
}

/// The kinds of times that come in, and what Kafka 4.3.1 makes of each.
#[test]
fn every_kind_of_time_becomes_every_other() {
    let text = Value::text("2024-02-29 12:34:56.789");
    let date = semantic::of(Kind::Int32, semantic::CONNECT_DATE);
    let time = semantic::of(Kind::Int32, semantic::CONNECT_TIME);
    for (target, of_now, of_negative, of_date, of_time) in [
        (
            "string",
            "STRING = 2024-02-29 12:34:56.789",
            "1969-12-31 23:59:59.999",
            "2024-02-29 00:00:00.000",
            "1970-01-01 01:02:03.004",
        ),
        ("unix", "INT64 = 1709210096789", "-1", "1709164800000", "3723004"),
        ("Date", &format!("{DATE} = 19782"), "-1", "19782", "0"),
        ("Time", &format!("{TIME} = 45296789"), "86399999", "0", "3723004"),
        ("Timestamp", &format!("{TIMESTAMP} = 1709210096789"), "-1", "1709164800000", "3723004"),
    ] {
        let options = format!("target.type={target};format=yyyy-MM-dd HH:mm:ss.SSS");
        let convert = |schema, value| applied("TimestampConverter$Value", &options, datum(schema, value));
        for (schema, value) in [
            (timestamp(), Value::Int64(NOW)),
            (Schema::of(Kind::Text), text.clone()),
            (Schema::of(Kind::Int64), Value::Int64(NOW)),
        ] {
            assert_eq!(convert(schema, value), of_now);
        }
        let schema = of_now.split(" = ").next().unwrap();
        assert_eq!(convert(timestamp(), Value::Int64(-1)), format!("{schema} = {of_negative}"));
        assert_eq!(convert(date.clone(), Value::Int32(19_782)), format!("{schema} = {of_date}"));
        assert_eq!(convert(time.clone(), Value::Int32(3_723_004)), format!("{schema} = {of_time}"));
        assert_eq!(convert(Schema::of(Kind::Int64).optional(), Value::Null), format!("{schema}? = null"));
        assert_eq!(applied("TimestampConverter$Value", &options, None), "none");
        let refused = convert(Schema::of(Kind::Int32), Value::Int32(1));
        assert!(refused.contains("the whole is INT32, which is no time"), "{refused}");
    }
}

#[test]
fn counts_have_the_precision_that_is_asked_for() {
    for (precision, written, read) in [
        ("seconds", -1, -1_500_000),
        ("milliseconds", -1500, -1500),
        ("microseconds", -1_500_000, -1),
        ("nanoseconds", -1_500_000_000, 0),
    ] {
        let convert = |target, schema| {
            let options = format!("target.type={target};unix.precision={precision}");
            applied("TimestampConverter$Value", &options, datum(schema, Value::Int64(-1500)))
        };
        assert_eq!(convert("unix", timestamp()), format!("INT64 = {written}"));
        assert_eq!(convert("Timestamp", Schema::of(Kind::Int64)), format!("{TIMESTAMP} = {read}"));
    }
}

#[test]
fn a_field_of_a_struct_is_converted() {
    let w = Schema::of(Kind::Int64).optional().default(Value::Int64(5));
    let fields = vec![Field::new("w", w), Field::new("o", Schema::of(Kind::Int32).default(Value::Int32(3)))];
    let schema = Arc::new(Schema::structure("T", fields).optional());
    let row = || datum(Arc::clone(&schema), Value::Struct([Value::Null, Value::Null].into()));
    check(&[
        (
            "TimestampConverter$Value",
            "target.type=Timestamp;field=w",
            row(),
            &format!("STRUCT(T)?{{w:{TIMESTAMP}?,o:INT32=3}} = (5,3)"),
        ),
        (
            "TimestampConverter$Value",
            "target.type=Timestamp;field=w;replace.null.with.default=false",
            row(),
            &format!("STRUCT(T)?{{w:{TIMESTAMP}?,o:INT32=3}} = (null,null)"),
        ),
        (
            "TimestampConverter$Value",
            "target.type=Timestamp;field=zz",
            row(),
            "STRUCT(T)?{w:INT64?=5,o:INT32=3} = (5,3)",
        ),
        (
            "TimestampConverter$Value",
            "target.type=Timestamp;field=w",
            datum(Arc::clone(&schema), Value::Null),
            &format!("STRUCT(T)?{{w:{TIMESTAMP}?,o:INT32=3}} = null"),
        ),
    ]);
    let refused = applied("TimestampConverter$Value", "target.type=Timestamp;field=o", row());
    assert!(refused.contains("field \"o\" is INT32, which is no time"), "{refused}");
    let debezium = Schema::of(Kind::Struct(vec![Field::new("d", semantic::of(Kind::Int32, semantic::DATE))]));
    let value = datum(debezium, Value::Struct([Value::Int32(1)].into()));
    let refused = applied("TimestampConverter$Value", "target.type=Timestamp;field=d", value);
    assert!(refused.contains("INT32 io.debezium.time.Date, which is no time"), "{refused}");
}

#[test]
fn text_that_does_not_match_is_refused_and_not_shown() {
    let text = datum(Schema::of(Kind::Text), Value::text("secret"));
    let refused = applied("TimestampConverter$Value", "target.type=unix;format=yyyy", text.clone());
    assert_eq!(refused, "transform t: topic topic: the text does not match the format \"yyyy\"");
    let refused = applied("TimestampConverter$Value", "target.type=unix", text);
    assert!(refused.contains("the whole is text, and the option format does not say how to read it"), "{refused}");
}

/// As Kafka 4.3.1 casts whole values.
#[test]
fn values_are_cast_by_javas_rules() {
    let of = |kind| Schema::of(kind);
    let bytes = |bytes: &'static [u8]| Value::Bytes(bytes.into());
    let decimal = || semantic::decimal(2, None);
    let date = || semantic::of(Kind::Int32, semantic::CONNECT_DATE);
    for (target, schema, value, expected) in [
        ("int8", of(Kind::Int64), Value::Int64(300), "44"),
        ("int16", of(Kind::Float64), Value::Float64(1e10), "-1"),
        ("int64", of(Kind::Float64), Value::Float64(1e30), "9223372036854775807"),
        ("int32", of(Kind::Float64), Value::Float64(f64::NAN), "0"),
        ("int8", of(Kind::Float32), Value::Float32(-129.9), "127"),
        ("int32", of(Kind::Bool), Value::Bool(true), "1"),
        ("float64", of(Kind::Bool), Value::Bool(false), "0"),
        ("boolean", of(Kind::Float64), Value::Float64(0.9), "false"),
        ("boolean", of(Kind::Text), Value::text("TRUE"), "true"),
        ("boolean", of(Kind::Text), Value::text("1"), "false"),
        ("int32", of(Kind::Text), Value::text("+5"), "5"),
        ("float32", of(Kind::Text), Value::text(" 1.5f "), "1.5"),
        ("float64", of(Kind::Text), Value::text("1e400"), "inf"),
        ("float64", of(Kind::Text), Value::text("-Infinity"), "-inf"),
        ("float64", of(Kind::Text), Value::text(".5"), "0.5"),
        ("float64", of(Kind::Text), Value::text("5."), "5"),
        ("string", of(Kind::Float64), Value::Float64(1e7), "1.0E7"),
        ("string", of(Kind::Float32), Value::Float32(0.1), "0.1"),
        ("string", of(Kind::Bytes), bytes(&[1, 2, 255]), "AQL/"),
        ("string", decimal(), bytes(&[0xfb, 0x1e]), "-12.50"),
        ("int32", decimal(), bytes(&[0xfa, 0xed]), "-12"),
        ("float64", decimal(), bytes(&[10]), "0.1"),
        ("boolean", decimal(), bytes(&[99]), "false"),
        ("int8", decimal(), bytes(&[0x75, 0x30]), "44"),
        ("string", date(), Value::Int32(19_782), "2024-02-29"),
        ("int32", date(), Value::Int32(19_782), "19782"),
        ("string", timestamp(), Value::Int64(NOW), "2024-02-29T12:34:56.789Z"),
        ("string", timestamp(), Value::Int64(-1), "23:59:59.999Z"),
        ("string", timestamp(), Value::Int64(0), "00:00:00.000Z"),
        ("string", semantic::of(Kind::Int32, semantic::CONNECT_TIME), Value::Int32(3_723_004), "01:02:03.004Z"),
        ("string", semantic::of(Kind::Int32, semantic::DATE), Value::Int32(19_782), "19782"),
    ] {
        let cast = applied("Cast$Value", &format!("spec={target}"), datum(schema, value));
        assert_eq!(cast.rsplit(" = ").next().unwrap(), expected, "{target}: {cast}");
    }
    for (target, schema, value, expected) in [
        ("int32", of(Kind::Text), Value::text(" 5"), "the text is no INT32 in its range"),
        ("int8", of(Kind::Text), Value::text("128"), "the text is no INT8 in its range"),
        ("float64", of(Kind::Text), Value::text("inf"), "the text is no FLOAT64 in its range"),
        ("float64", of(Kind::Text), Value::text("1.5ff"), "the text is no FLOAT64 in its range"),
        ("int32", of(Kind::Bytes), bytes(&[1]), "BYTES can be cast to string only"),
        ("int32", of(Kind::Struct(Vec::new())), Value::Struct([].into()), "STRUCT cannot be cast"),
    ] {
        let refused = applied("Cast$Value", &format!("spec={target}"), datum(schema, value));
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn fields_are_cast_with_their_defaults() {
    let a = Schema { doc: Some("d".into()), ..Schema::of(Kind::Int32).optional().default(Value::Int32(7)) };
    let fields = vec![Field::new("a", a), Field::new("b", Schema::of(Kind::Text))];
    let schema = Arc::new(Schema::structure("S", fields).optional());
    let row = || datum(Arc::clone(&schema), Value::Struct([Value::Null, Value::text("5")].into()));
    check(&[
        ("Cast$Value", "spec=a:string,b:int64", row(), "STRUCT(S)?{a:STRING?=7,b:INT64} = (7,5)"),
        (
            "Cast$Value",
            "spec=a:string;replace.null.with.default=false",
            row(),
            "STRUCT(S)?{a:STRING?=7,b:STRING} = (null,5)",
        ),
        ("Cast$Value", "spec=a:int8,a:string", row(), "STRUCT(S)?{a:STRING?=7,b:STRING} = (7,5)"),
        ("Cast$Value", "spec=zz: Boolean", row(), "STRUCT(S)?{a:INT32?=7,b:STRING} = (7,5)"),
        ("Cast$Value", "spec=int8", None, "none"),
    ]);
}
