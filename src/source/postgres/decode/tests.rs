use proptest::prelude::*;

use super::*;
use crate::source::postgres::config::PostgresConfig;

fn text(decode: &Decode, cell: &str) -> Value {
    let frame = Bytes::copy_from_slice(cell.as_bytes());
    match decode.text(&frame, &frame) {
        Ok(Decoded::Value(value)) => value,
        other => panic!("{cell}: {other:?}"),
    }
}

fn binary(decode: &Decode, cell: &[u8]) -> Value {
    let frame = Bytes::copy_from_slice(cell);
    match decode.binary(&frame, &frame) {
        Ok(Decoded::Value(value)) => value,
        other => panic!("{cell:?}: {other:?}"),
    }
}

/// Numbers from Debezium's records of the same values.
#[test]
fn times_are_debeziums() {
    let micros = Decode::Timestamp(TimestampForm::Micros);
    assert_eq!(text(&micros, "2024-02-29 12:34:56.789012"), Value::Int64(1_709_210_096_789_012));
    assert_eq!(text(&micros, "0044-03-15 12:00:00 BC"), Value::Int64(-63_517_780_800_000_000));
    assert_eq!(text(&micros, "infinity"), Value::Int64(9_223_372_036_825_200_000));
    assert_eq!(text(&micros, "-infinity"), Value::Int64(-9_223_372_036_832_400_000));
    let millis = Decode::Timestamp(TimestampForm::Millis);
    assert_eq!(text(&millis, "0001-01-01 00:00:00"), Value::Int64(-62_135_596_800_000));
    assert_eq!(text(&millis, "infinity"), Value::Int64(9_223_372_036_825_200));
    assert_eq!(text(&Decode::Date(DateForm::Days), "0044-03-15 BC"), Value::Int32(-735_160));
    assert_eq!(text(&Decode::Date(DateForm::Days), "infinity"), Value::Int32(-2_147_472_692));
    assert_eq!(text(&Decode::Date(DateForm::Days), "-infinity"), Value::Int32(-2_147_472_691));
    assert_eq!(text(&Decode::Time(TimeForm::Micros), "24:00:00"), Value::Int64(86_400_000_000));
    assert_eq!(text(&Decode::TimeTz, "12:34:56.789012+05:30"), Value::text("07:04:56.789012Z"));
    assert_eq!(text(&Decode::TimeTz, "23:59:59-12"), Value::text("11:59:59Z"));
    assert_eq!(text(&Decode::TimestampTz(3), "2024-02-29 12:34:56.1+00"), Value::text("2024-02-29T12:34:56.100Z"));
    assert_eq!(text(&Decode::TimestampTz(6), "0044-03-15 12:00:00+00 BC"), Value::text("-0043-03-15T12:00:00.000000Z"));
}

#[test]
fn numerics_are_debeziums() {
    let precise = Decode::Numeric { mode: DecimalMode::Precise, scale: 2 };
    assert_eq!(text(&precise, "10.50"), Value::Bytes(Bytes::from_static(&[4, 26])));
    let frame = Bytes::from_static(b"NaN");
    assert_eq!(precise.text(&frame, &frame), Ok(Decoded::Unrepresentable));
    let expected = [Value::Int32(2), Value::Bytes(Bytes::from_static(&[0xff]))];
    assert_eq!(text(&Decode::VariableNumeric, "-0.01"), Value::Struct(Box::new(expected)));
}

#[test]
fn arrays_keep_nulls_quotes_and_escapes() {
    let texts = Decode::Array(Box::new(Decode::Text(Asked::AsItIs)));
    let expected = [
        Value::text("a"),
        Value::text("b c"),
        Value::Null,
        Value::text("q\"x\\"),
        Value::text(""),
        Value::text("NULL"),
    ];
    assert_eq!(text(&texts, r#"{a,"b c",NULL,"q\"x\\","","NULL"}"#), Value::Array(Box::new(expected)));
    let numbers = Decode::Array(Box::new(Decode::Int4));
    assert_eq!(text(&numbers, "{}"), Value::Array(Box::default()));
    assert_eq!(text(&numbers, "[2:3]={1,2}"), Value::Array(Box::new([Value::Int32(1), Value::Int32(2)])));
    assert_eq!(text(&numbers, "{{1,2},{3,4}}"), Value::Array(Box::new([Value::Null, Value::Null])));
}

#[test]
fn bytes_in_each_mode() {
    let decode = |mode| text(&Decode::Bytea(mode), "\\x01fe");
    assert_eq!(decode(BinaryMode::Bytes), Value::Bytes(Bytes::from_static(&[1, 0xfe])));
    assert_eq!(decode(BinaryMode::Base64), Value::text("Af4="));
    assert_eq!(decode(BinaryMode::Base64UrlSafe), Value::text("Af4="));
    assert_eq!(decode(BinaryMode::Hex), Value::text("01fe"));
    assert_eq!(binary(&Decode::Bytea(BinaryMode::Hex), &[1, 0xfe]), Value::text("01fe"));
}

fn any_decode() -> impl Strategy<Value = Decode> {
    let simple = prop_oneof![
        Just(Decode::Bool),
        Just(Decode::Int2),
        Just(Decode::Int4),
        Just(Decode::Int8),
        Just(Decode::Oid),
        Just(Decode::Float4),
        Just(Decode::Float8),
        Just(Decode::Numeric { mode: DecimalMode::Precise, scale: 2 }),
        Just(Decode::VariableNumeric),
        Just(Decode::Text(Asked::AsItIs)),
        Just(Decode::Bytea(BinaryMode::Bytes)),
        Just(Decode::Date(DateForm::Iso)),
        Just(Decode::Time(TimeForm::Iso)),
        Just(Decode::TimeTz),
        Just(Decode::Timestamp(TimestampForm::Iso)),
        Just(Decode::Timestamp(TimestampForm::Nanos)),
        Just(Decode::TimestampTz(6)),
    ];
    (simple, any::<bool>()).prop_map(|(decode, array)| if array { Decode::Array(Box::new(decode)) } else { decode })
}

proptest! {
    #[test]
    fn no_cell_panics(decode in any_decode(), cell in prop::collection::vec(any::<u8>(), 0..40)) {
        let frame = Bytes::from(cell);
        let _ = decode.text(&frame, &frame);
        let _ = decode.binary(&frame, &frame);
    }

    #[test]
    fn no_text_panics(decode in any_decode(), cell in "[0-9{},:.+ BC\"\\\\x-]{0,40}") {
        let frame = Bytes::from(cell);
        let _ = decode.text(&frame, &frame);
    }

    #[test]
    fn timestamps_are_equal_in_text_and_binary(micros in -200_000_000_000_000_000_i64..200_000_000_000_000_000) {
        let decode = Decode::TimestampTz(6);
        let Value::Text(iso) = binary(&decode, &micros.to_be_bytes()) else { panic!("no text") };
        prop_assume!(!iso.as_str().starts_with(['-', '+']));
        let written = iso.as_str().replace('T', " ").replace('Z', "+00");
        prop_assert_eq!(text(&decode, &written), Value::Text(iso));
    }
}

/// As Debezium 3.6.1 was seen to write it, base64 aside.
#[test]
fn the_placeholder_is_text_or_bytes() {
    let placeholder = |written: &str| {
        let own = [("topic.prefix", "p"), ("database.hostname", "h"), ("database.user", "u"), ("database.dbname", "d")];
        let pairs = own.into_iter().chain([("unavailable.value.placeholder", written)]);
        let read = PostgresConfig::read(&pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
        read.map(|config| config.placeholder)
    };
    let text = Decode::Text(Asked::AsItIs);
    for (written, as_text, as_bytes) in [
        ("there", "there", &b"there"[..]),
        ("hex:616263", "abc", b"abc"),
        ("hex:AAbb", "\u{fffd}\u{fffd}", b"\xaa\xbb"),
    ] {
        let placeholder = placeholder(written).unwrap();
        assert_eq!(text.unavailable(&placeholder, &Schema::of(Kind::Text)), Value::text(as_text), "{written}");
        assert_eq!(
            Decode::Bytea(BinaryMode::Hex).unavailable(&placeholder, &Schema::of(Kind::Text)),
            Value::text(as_text),
            "{written}"
        );
        let bytes = Value::Bytes(Bytes::copy_from_slice(as_bytes));
        assert_eq!(
            Decode::Bytea(BinaryMode::Bytes).unavailable(&placeholder, &Schema::of(Kind::Bytes)),
            bytes,
            "{written}"
        );
    }
    for wrong in ["hex:aab", "hex:xy", "hex:ä"] {
        assert!(placeholder(wrong).unwrap_err().to_string().contains("hexadecimal digits"), "{wrong}");
    }
}
