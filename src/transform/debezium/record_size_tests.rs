use super::*;
use crate::transform::test_records::{applied, built, event, field, heartbeat, of, row, tombstone};

fn columns() -> Vec<(&'static str, Schema)> {
    let text = || of(Kind::Text).optional();
    vec![("small", text()), ("large", text()), ("blob", of(Kind::Bytes).optional()), ("id", of(Kind::Int32))]
}

fn order(small: &str, large: &str, blob: usize) -> Value {
    row([Value::text(small), Value::text(large), Value::Bytes(vec![7; blob].into()), Value::Int32(1)])
}

/// What is left of a record under these options.
fn left(options: &[(&str, &str)], record: Record) -> Record {
    applied(&mut *built(build, options).unwrap(), record)
}

fn lengths(record: &Record, side: &str) -> [usize; 3] {
    ["small", "large", "blob"].map(|name| length(&field(record, &format!("{side}.{name}"))))
}

#[test]
fn a_record_is_measured_as_debezium_does() {
    // Of Debezium's own tests: 56 for the struct, 8 and 24 for its field, 5 for the topic, 8 for the time.
    let schema = |name: &str, kind: Schema| Arc::new(Schema::structure("v", vec![Field::new(name, kind)]));
    let measured = |schema: Arc<Schema>, value: Value| {
        let value = Some(Datum { schema, value: row([value]) });
        record_size(&Record { topic: "dummy".into(), key: None, value, ..tombstone() }) - SOURCE_ENTRIES * ENTRY
    };
    let unscaled = Value::Bytes(1_009_999_929_i32.to_be_bytes().to_vec().into());
    assert_eq!(measured(schema("dec", semantic::decimal(10, None)), unscaled), 105);
    assert_eq!(measured(schema("bf", of(Kind::Bytes)), Value::Bytes("hello debezium".into())), 115);
    assert_eq!(measured(schema("n", of(Kind::Int64).optional()), Value::Null), 101, "a null number counts as one");
    assert_eq!(measured(schema("t", of(Kind::Text).optional()), Value::Null), 77);
    let map = Schema::of(Kind::Map(of(Kind::Text).into(), of(Kind::Int32).into()));
    let entries = Value::Map([(Value::text("ab"), Value::Int32(1))].into());
    assert_eq!(measured(schema("m", map), entries), 77 + 88 + 16 + 58 + 24);
}

#[test]
fn large_fields_are_cut_in_proportion_until_the_record_fits() {
    let record = || event("c", &columns(), Value::Null, order("short", &"x".repeat(4000), 2000));
    let options = |max: &'static str| [("max.bytes", max), ("min.field.size", "100")];
    assert_eq!(left(&options("20000"), record()).value, record().value, "it fits");
    let fits = left(&options("3000"), record());
    assert!(record_size(&fits) <= 3000 && record_size(&fits) > 2990, "{}", record_size(&fits));
    let [small, large, blob] = lengths(&fits, "after");
    assert_eq!((small, large.abs_diff(2 * blob) < 5), (5, true), "{large} and {blob}");
    assert_eq!(field(&fits, "after.id"), Value::Int32(1));
    let nothing = left(&options("1"), record());
    assert_eq!(lengths(&nothing, "after"), [5, 0, 0], "no field becomes less than empty");
    let default = left(&[("max.bytes", "1")], record());
    assert_eq!(default.value, record().value, "up to 25,000 bytes a field stays");
}

#[test]
fn both_rows_of_an_update_share_what_is_cut() {
    let update = event("u", &columns(), order("", &"x".repeat(5000), 0), order("", &"y".repeat(5000), 0));
    let cut = left(&[("max.bytes", "4000"), ("min.field.size", "0")], update);
    let (before, after) = (lengths(&cut, "before")[1], lengths(&cut, "after")[1]);
    assert!(before == after && before > 0 && record_size(&cut) <= 4000, "{before} and {after}");
}

#[test]
fn the_ratio_counts_for_the_size_and_for_what_is_cut() {
    let record = || event("c", &columns(), Value::Null, order("", &"x".repeat(30_000), 0));
    let options = |ratio: &'static str| [("max.bytes", "10000"), ("compression.ratio", ratio), ("min.field.size", "0")];
    assert_eq!(left(&options("0.1"), record()).value, record().value);
    for (ratio, raw_max) in [("0.5", 20_000), ("2.0", 5000)] {
        let size = record_size(&left(&options(ratio), record()));
        assert!(size <= raw_max && size > raw_max - 10, "{ratio}: {size}");
    }
}

#[test]
fn text_is_cut_between_characters_and_decimals_are_not() {
    let euro = left(
        &[("max.bytes", "3000"), ("min.field.size", "0")],
        event("c", &columns(), Value::Null, order("", &"€".repeat(2000), 0)),
    );
    let large = field(&euro, "after.large");
    let text = large.as_str().unwrap();
    assert!(text.chars().all(|c| c == '€') && text.len() > 500 && record_size(&euro) <= 3000);
    let decimal = [("d", semantic::decimal(0, None))];
    let record = || event("c", &decimal, Value::Null, row([Value::Bytes(vec![1; 100].into())]));
    assert_eq!(left(&[("max.bytes", "1"), ("min.field.size", "0")], record()).value, record().value);
}

#[test]
fn what_has_no_rows_passes_and_wrong_options_are_told() {
    let mut transform = built(build, &[("max.bytes", "1"), ("min.field.size", "0")]).unwrap();
    assert_eq!(applied(&mut *transform, tombstone()).value, None);
    assert_eq!(applied(&mut *transform, heartbeat()).value, heartbeat().value);
    for (options, expected) in [
        (&[][..], "max.bytes: is required"),
        (&[("max.bytes", "0")], "max.bytes=\"0\": must be 1 or more"),
        (&[("max.bytes", "-1")], "max.bytes=\"-1\": must be a whole number"),
        (&[("max.bytes", "1"), ("compression.ratio", "0")], "compression.ratio=\"0\": must be a number above zero"),
        (&[("max.bytes", "1"), ("min.field.size", "-1")], "min.field.size=\"-1\""),
        (&[("max.bytes", "1"), ("strategy", "claim_check")], "strategy=\"claim_check\": must be one of truncate"),
    ] {
        let problems = built(build, options).err().unwrap();
        assert!(problems.contains(expected) && problems.lines().count() == 1, "{problems}");
    }
}
