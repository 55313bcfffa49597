use super::*;
use crate::data::Field;
use crate::transform::test_records::{applied, built, event, field, of, refusal, row, tombstone};

fn bytes(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digits = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.chunks(2).map(digits).collect()
}

const ONE: &str = "000000000000f03f";
const TWO: &str = "0000000000000040";
const NINE: &str = "0000000000002240";

#[test]
fn points_of_all_geometries_are_swapped() {
    let big = ("3ff0000000000000", "4000000000000000");
    for (name, before, after) in [
        ("point", format!("01 01000000 {ONE}{TWO}"), format!("01 01000000 {TWO}{ONE}")),
        ("point, big-endian", format!("00 00000001 {}{}", big.0, big.1), format!("00 00000001 {}{}", big.1, big.0)),
        (
            "EWKB with z and m",
            format!("01 010000e0 e6100000 {ONE}{TWO}{NINE}{NINE}"),
            format!("01 010000e0 e6100000 {TWO}{ONE}{NINE}{NINE}"),
        ),
        (
            "line",
            format!("01 02000000 02000000 {ONE}{TWO}{NINE}{ONE}"),
            format!("01 02000000 02000000 {TWO}{ONE}{ONE}{NINE}"),
        ),
        (
            "polygon",
            format!("01 03000000 01000000 01000000 {ONE}{TWO}"),
            format!("01 03000000 01000000 01000000 {TWO}{ONE}"),
        ),
        (
            "collection of another order",
            format!("01 07000000 02000000 00 00000001 {}{} 01 04000000 01000000 01 01000000 {ONE}{TWO}", big.0, big.1),
            format!("01 07000000 02000000 00 00000001 {}{} 01 04000000 01000000 01 01000000 {TWO}{ONE}", big.1, big.0),
        ),
        ("empty collection", "01 07000000 00000000".to_owned(), "01 07000000 00000000".to_owned()),
    ] {
        assert_eq!(swap::swapped(&bytes(&before)).unwrap(), bytes(&after), "{name}");
    }
}

#[test]
fn bytes_that_are_none_are_refused() {
    let deep = format!("01{}", "07000000 01000000 01".repeat(100));
    for (wkb, expected) in [
        ("", "ends at byte 0"),
        ("01 01000000 00", "ends at byte 6"),
        ("01 02000000 ffffffff", "ends at byte 9"),
        ("01 09000000", "is of type 9, at byte 1"),
        (&deep, "collections in each other"),
    ] {
        let reason = swap::swapped(&bytes(wkb)).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn listed_reference_systems_are_swapped() {
    let fields = vec![Field::new("wkb", of(Kind::Bytes)), Field::new("srid", of(Kind::Int32).optional())];
    let geometry = Schema::structure(GEOMETRY, fields).optional();
    let columns = [("g", geometry.clone()), ("gs", of(Kind::Array(geometry.into())))];
    let (before, after) = (bytes(&format!("01 01000000 {ONE}{TWO}")), bytes(&format!("01 01000000 {TWO}{ONE}")));
    let value = |wkb: &[u8], srid: Value| row([Value::Bytes(wkb.to_vec().into()), srid]);
    let swapped = |options: &[(&str, &str)], srid: Value| {
        let g = value(&before, srid.clone());
        let record = event("c", &columns, Value::Null, row([g.clone(), Value::Array([g].into())]));
        let record = applied(&mut *built(swap::build, options).unwrap(), record);
        let swapped = field(&record, "after.g") == value(&after, srid.clone());
        assert_eq!(field(&record, "after.gs") == Value::Array([value(&after, srid)].into()), swapped);
        swapped
    };
    assert!(swapped(&[], Value::Int32(4326)) && !swapped(&[], Value::Int32(1)) && !swapped(&[], Value::Null));
    assert!(swapped(&[("srids", "1, 2")], Value::Int32(1)) && !swapped(&[("srids", "1")], Value::Int32(4326)));
    let mut default = built(swap::build, &[]).unwrap();
    assert_eq!(applied(&mut *default, tombstone()).value, None);
    let broken = event("c", &columns, Value::Null, row([value(&[1], Value::Int32(4326)), Value::Array([].into())]));
    assert!(refusal(default.apply(broken)).contains("topic shop.orders: a geometry ends at byte 1"));
    assert!(built(swap::build, &[("srids", "4326,x")]).err().unwrap().contains("srids=\"x\""));
}

/// The cases of Debezium's own tests.
#[test]
fn plain_and_extended_become_each_other() {
    for (name, plain, extended) in [
        ("point", "0101000000 00000000000020400000000000003340", "0101000020e6100000 00000000000020400000000000003340"),
        (
            "big-endian",
            "0000000001 40200000000000004033000000000000",
            "0020000001000010e6 40200000000000004033000000000000",
        ),
        (
            "parts stay plain",
            "0104000000 01000000 0101000000 00000000000024400000000000004440",
            "0104000020e6100000 01000000 0101000000 00000000000024400000000000004440",
        ),
        ("with z", "01010000800000000000002040", "01010000a0e61000000000000000002040"),
        ("empty collection", "0107000000 00000000", "0107000020e6100000 00000000"),
    ] {
        let (plain, extended) = (bytes(plain), bytes(extended));
        assert_eq!(format::converted(&plain, Some(4326), true).unwrap(), Some(extended.clone()), "{name}");
        assert_eq!(format::converted(&plain, Some(4326), false).unwrap(), None, "{name}");
        assert_eq!(format::converted(&extended, None, true).unwrap(), Some(plain.clone()), "{name}");
        assert_eq!(format::converted(&extended, Some(4326), false).unwrap(), Some(plain.clone()), "{name}");
        let reason = format::converted(&plain, None, true).unwrap_err();
        assert!(reason.contains("cannot be extended"), "{name}: {reason}");
    }
    for wkb in ["", "01 0100", "01 01000020 e610"] {
        assert!(format::converted(&bytes(wkb), Some(4326), true).unwrap_err().contains("in the midst of its head"));
    }
}

#[test]
fn geometries_of_both_rows_change_their_format() {
    let fields = vec![Field::new("wkb", of(Kind::Bytes)), Field::new("srid", of(Kind::Int32).optional())];
    let columns = [("g", Schema::structure(GEOMETRY, fields).optional())];
    let (plain, extended) = (bytes("0107000000 00000000"), bytes("0107000020e6100000 00000000"));
    let value = |wkb: &[u8], srid: Value| row([row([Value::Bytes(wkb.to_vec().into()), srid])]);
    let srid = || Value::Int32(4326);
    let mut transform = built(format::build, &[]).unwrap();
    let record = event("u", &columns, value(&plain, srid()), value(&extended, srid()));
    let record = applied(&mut *transform, record);
    assert_eq!(field(&record, "before"), value(&extended, srid()));
    assert_eq!(field(&record, "after"), value(&plain, srid()));
    let null = event("c", &columns, Value::Null, row([Value::Null]));
    assert_eq!(applied(&mut *transform, null.clone()).value, null.value);
    let nowhere = event("c", &columns, Value::Null, value(&plain, Value::Null));
    assert!(refusal(transform.apply(nowhere)).contains("topic shop.orders: a geometry has no reference system"));
    let mut plainer = built(format::build, &[("format", "ewkb")]).unwrap();
    let record = event("u", &columns, value(&plain, srid()), value(&extended, srid()));
    let record = applied(&mut *plainer, record);
    assert_eq!((field(&record, "before"), field(&record, "after")), (value(&plain, srid()), value(&plain, srid())));
    assert!(built(format::build, &[("format", "x")]).err().unwrap().contains("format=\"x\""));
}
