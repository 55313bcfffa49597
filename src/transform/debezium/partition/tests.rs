use super::*;
use crate::data::{Kind, semantic};
use crate::transform::test_records::{applied, built, event, heartbeat, of, row, tombstone};

fn columns() -> Vec<(&'static str, Schema)> {
    vec![("id", of(Kind::Int32)), ("purchaser", of(Kind::Text).optional())]
}

fn partition(options: &[(&str, &str)], record: Record) -> Option<i32> {
    applied(&mut *built(build, options).unwrap(), record).partition
}

/// What Java's `hashCode` gives.
#[test]
fn values_have_the_hash_that_java_gives_them() {
    let decimal = semantic::decimal(2, None);
    for (schema, value, expected) in [
        (of(Kind::Text), Value::text("hello"), 99_162_322),
        (of(Kind::Text), Value::text("é€😀"), 16_752_006),
        (of(Kind::Int32), Value::Int32(-7), -7),
        (of(Kind::Int64), Value::Int64(5_000_000_000), 705_032_705),
        (of(Kind::Bool), Value::Bool(true), 1231),
        (of(Kind::Float64), Value::Float64(1.5), 1_073_217_536),
        (of(Kind::Float32), Value::Float32(1.5), 1_069_547_520),
        (of(Kind::Bytes), Value::Bytes(vec![200, 2].into()), 967),
        // new BigDecimal("123.45").hashCode() and that of its negative.
        (decimal.clone(), Value::Bytes(vec![0x30, 0x39].into()), 382_697),
        (decimal, Value::Bytes(vec![0xcf, 0xc7].into()), -382_693),
        (semantic::of(Kind::Int32, semantic::CONNECT_DATE), Value::Int32(1), 86_400_000),
    ] {
        assert_eq!(Hash::Java.of(&schema, &value), expected, "{value:?}");
    }
}

/// What Debezium's `MurmurHash3` gives, for texts that end within a block, with one and behind one.
#[test]
fn values_have_the_hash_that_murmur_gives_them() {
    for (text, expected) in [
        ("", 89_125_410),
        ("hello", 1_671_093_224),
        ("é€😀", 2_070_711_434),
        ("0123456789abcdef", 26_898_387),
        ("0123456789abcdefg", -1_536_414_354),
        ("Ünïcödé text, longer than a block", 1_008_572_183),
    ] {
        assert_eq!(Hash::Murmur.of(&of(Kind::Text), &Value::text(text)), expected, "{text}");
    }
    assert_eq!(Hash::Murmur.of(&of(Kind::Int32), &Value::Int32(42)), -1_311_320_038);
    assert_eq!(Hash::Murmur.of(&of(Kind::Int64), &Value::Int64(5_000_000_000)), -716_149_582);
}

#[test]
fn the_row_says_the_partition() {
    let options = [("partition.payload.fields", "change.purchaser, source.nothing"), ("partition.topic.num", "10")];
    let anne = || row([Value::Int32(1), Value::text("hello")]);
    // 99162322 modulo 10
    assert_eq!(partition(&options, event("c", &columns(), Value::Null, anne())), Some(2));
    assert_eq!(partition(&options, event("d", &columns(), anne(), Value::Null)), Some(2));
    let both = [("partition.payload.fields", "change.id,change.purchaser"), options[1]];
    assert_eq!(partition(&both, event("u", &columns(), Value::Null, anne())), Some(3));
    // What there is not is not counted.
    let before = [("partition.payload.fields", "before.purchaser"), options[1]];
    assert_eq!(partition(&before, event("c", &columns(), Value::Null, anne())), None);
    for record in [event("t", &columns(), Value::Null, Value::Null), tombstone(), heartbeat()] {
        assert_eq!(partition(&options, record), None);
    }
}

#[test]
fn the_sum_has_no_sign() {
    let options = [("partition.payload.fields", "after.id"), ("partition.topic.num", "7")];
    for (id, expected) in [(-1, 0), (i32::MAX, 0), (i32::MIN, 0), (-2, (i32::MAX - 1) % 7)] {
        let record = event("c", &columns(), Value::Null, row([Value::Int32(id), Value::Null]));
        assert_eq!(partition(&options, record), Some(expected), "{id}");
    }
}

#[test]
fn what_cannot_work_is_said() {
    let problems = built(
        build,
        &[("partition.payload.fields", "a..b"), ("partition.topic.num", "0"), ("partition.hash.function", "murmr")],
    );
    let problems = problems.err().unwrap();
    for expected in ["must be a path of names", "partition.topic.num=\"0\"", "did you mean \"murmur\"?"] {
        assert!(problems.contains(expected), "{problems}");
    }
    assert!(built(build, &[]).err().unwrap().contains("partition.payload.fields: is required"));
}
