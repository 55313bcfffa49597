use super::*;
use crate::data::Kind;
use crate::transform::test_records::{applied, built, event, field, heartbeat, of, refusal, row};

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

/// What `java.time` gives.
#[test]
fn texts_keep_their_instant() {
    for (name, text, expected) in [
        ("+05:30", "2020-01-01T11:55:30Z", "2020-01-01T17:25:30+05:30"),
        ("+05:30", "-0043-03-15T12:00Z", "-0043-03-15T17:30:00+05:30"),
        ("+05:30", "1800-01-01T00:00:00.100Z", "1800-01-01T05:30:00.1+05:30"),
        ("America/New_York", "2011-01-11T16:40:30.123456789+05:30", "2011-01-11T06:10:30.123456789-05:00"),
        ("America/New_York", "2023-03-26T02:30:00Z", "2023-03-25T22:30:00-04:00"),
        ("America/New_York", "+12345-07-01T00:00:00Z", "+12345-06-30T20:00:00-04:00"),
        ("America/New_York", "-0043-03-15T12:00Z", "-0043-03-15T07:03:58-04:56:02"),
        // The local time in the text is looked up, not the instant: one that there is not, and one that is there twice.
        ("Europe/Berlin", "2023-03-26T02:30:00Z", "2023-03-26T03:30:00+01:00"),
        ("Europe/Berlin", "2023-10-29T02:30:00Z", "2023-10-29T04:30:00+02:00"),
        ("UTC", "2023-10-29T02:30:00+02:00", "2023-10-29T00:30:00Z"),
    ] {
        assert_eq!(zone(name).timestamp(text).as_deref(), Some(expected), "{name} {text}");
    }
    assert_eq!(zone("+05:30").time("23:30:01.5Z").as_deref(), Some("05:00:01.5+05:30"));
    for text in
        ["", "2020-01-01", "2020-01-01T11:55", "2020-13-01T11:55Z", "2020-01-01T11:55:30Zx", "2020-01-01T11:55:30.Z"]
    {
        assert_eq!(zone("UTC").timestamp(text), None, "{text}");
    }
}

/// What `java.time` gives: milliseconds as a local time, and as an instant.
#[test]
fn numbers_are_local_times_or_instants() {
    for (name, ms, instant, local) in [
        ("America/New_York", 1_679_797_800_000, 1_679_812_200_000, 1_679_783_400_000),
        ("America/New_York", 327_419_020_800_000, 327_419_035_200_000, 327_419_006_400_000),
        ("America/New_York", -63_517_780_800_000, -63_517_763_038_000, -63_517_798_562_000),
        ("Europe/Berlin", 1_679_797_800_000, 1_679_794_200_000, 1_679_805_000_000),
        ("Europe/Berlin", 1_698_546_600_000, 1_698_539_400_000, 1_698_550_200_000),
        ("Europe/Berlin", -5_364_662_399_900, -5_364_665_607_900, -5_364_659_191_900),
    ] {
        assert_eq!(zone(name).instant_of(ms, 1000), instant, "{name} {ms}");
        assert_eq!(zone(name).local_of(ms, 1000), local, "{name} {ms}");
    }
}

#[test]
fn zones_are_named_as_java_names_them() {
    for name in ["America/Lima", "+08:00", "-03:30:00", "UTC", "Etc/GMT+5", "+18:00"] {
        assert!(Zone::named(name).is_some(), "{name}");
    }
    for name in ["", "+8", "+08", "+19:00", "+08:60", "08:00", "Mars/Olympus", "+08:00x"] {
        assert!(Zone::named(name).is_none(), "{name}");
    }
}

fn columns() -> Vec<(&'static str, Schema)> {
    vec![
        ("at", semantic::of(Kind::Text, semantic::ZONED_TIMESTAMP)),
        ("ms", semantic::of(Kind::Int64, semantic::TIMESTAMP).optional()),
        ("us", semantic::of(Kind::Int64, semantic::MICRO_TIMESTAMP).optional().default(Value::Int64(0))),
        ("date", semantic::of(Kind::Int32, semantic::DATE)),
        ("plain", of(Kind::Int64)),
    ]
}

fn created() -> Record {
    let hour = Value::Int64(3_600_000);
    let row = row([Value::text("2020-01-01T00:00:00Z"), hour.clone(), Value::Null, Value::Int32(1), hour]);
    event("u", &columns(), row.clone(), row)
}

/// The fields that are converted, of those before, after and in the source block.
fn converted(options: &[(&str, &str)]) -> Vec<&'static str> {
    let options = [&[("converted.timezone", "+01:00")], options].concat();
    let (before, after) = (created(), applied(&mut *built(build, &options).unwrap(), created()));
    let all = [
        "before.at",
        "before.ms",
        "before.us",
        "before.date",
        "before.plain",
        "after.at",
        "after.ms",
        "after.us",
        "after.date",
        "source.ts_ms",
    ];
    all.into_iter().filter(|path| field(&before, path) != field(&after, path)).collect()
}

#[test]
fn all_times_of_rows_are_converted() {
    assert_eq!(converted(&[]), ["before.at", "before.ms", "before.us", "after.at", "after.ms", "after.us"]);
    let mut converter = built(build, &[("converted.timezone", "+01:00")]).unwrap();
    let record = applied(&mut *converter, created());
    assert_eq!(field(&record, "after.at"), Value::text("2020-01-01T01:00:00+01:00"));
    assert_eq!(field(&record, "after.ms"), Value::Int64(0));
    // A null counts as its default.
    assert_eq!(field(&record, "after.us"), Value::Int64(-3_600_000_000));
    assert_eq!(applied(&mut *converter, heartbeat()).value, heartbeat().value);
}

#[test]
fn lists_say_what_is_converted() {
    let both = ["before.at", "after.at"];
    for (key, list, expected) in [
        ("include.list", "source:orders:at", &both[..]),
        ("include.list", "source:others,orders:at", &both),
        ("include.list", "topic:shop.orders:at", &both),
        ("include.list", "orders:at", &both),
        ("include.list", "shop.orders:after.at", &["after.at"]),
        ("include.list", "source:orders:source.ts_ms", &["source.ts_ms"]),
        ("include.list", "source:customers", &[]),
        (
            "include.list",
            "topic:shop.orders",
            &["before.at", "before.ms", "before.us", "after.at", "after.ms", "after.us"],
        ),
        ("exclude.list", "source:orders", &[]),
        ("exclude.list", "source:orders:ms,orders:us", &both),
        ("exclude.list", "source:orders:before.at,orders:ms,orders:us", &["after.at"]),
        (
            "exclude.list",
            "source:customers",
            &["before.at", "before.ms", "before.us", "after.at", "after.ms", "after.us"],
        ),
    ] {
        assert_eq!(converted(&[(key, list)]), expected, "{key}={list}");
    }
}

#[test]
fn what_cannot_be_converted_is_said() {
    let lists = [("include.list", "orders"), ("exclude.list", "a:b"), ("converted.timezone", "Mars")];
    let problems = built(build, &lists).err().unwrap();
    for expected in
        ["include.list=\"orders\": must be", "exclude.list: cannot be set together", "converted.timezone=\"Mars\""]
    {
        assert!(problems.contains(expected), "{expected} is not in\n{problems}");
    }
    let mut converter = built(build, &[("converted.timezone", "UTC")]).unwrap();
    let with = |text: &'static str| {
        let row = row([Value::text(text), Value::Null, Value::Null, Value::Int32(1), Value::Int64(1)]);
        event("c", &columns(), Value::Null, row)
    };
    assert_eq!(field(&applied(&mut *converter, with("infinity")), "after.at"), Value::text("infinity"));
    assert!(refusal(converter.apply(with("yesterday"))).contains("\"yesterday\" is no ISO 8601 time"));
}
