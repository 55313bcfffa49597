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

/// As Debezium writes them in `pg_types`, but for the infinities, which it has none of.
#[test]
fn numerics_that_are_no_numbers() {
    for (special, as_text) in [("NaN", "NAN"), ("Infinity", "POSITIVE_INFINITY"), ("-Infinity", "NEGATIVE_INFINITY")] {
        let frame = Bytes::from(special);
        let numeric = |mode| Decode::Numeric { mode, scale: 0 };
        assert_eq!(text(&numeric(DecimalMode::String), special), Value::text(as_text));
        assert_eq!(numeric(DecimalMode::Precise).text(&frame, &frame), Ok(Decoded::Unrepresentable));
        assert_eq!(Decode::VariableNumeric.text(&frame, &frame), Ok(Decoded::Unrepresentable));
        let Value::Float64(double) = text(&numeric(DecimalMode::Double), special) else { panic!("no double") };
        assert!(!double.is_finite());
    }
    let frame = Bytes::from_static(b"nan");
    for mode in [DecimalMode::String, DecimalMode::Double, DecimalMode::Precise] {
        assert!(Decode::Numeric { mode, scale: 0 }.text(&frame, &frame).is_err());
    }
}

/// The last of PostgreSQL's timestamps; the numbers are from Debezium's records.
#[test]
fn timestamps_that_do_not_fit() {
    let last = "294276-12-31 23:59:59.999999";
    let in_form = |form| text(&Decode::Timestamp(form), last);
    assert_eq!(in_form(TimestampForm::Millis), Value::Int64(9_224_318_015_999_999));
    assert_eq!(in_form(TimestampForm::Micros), Value::Int64(-9_223_372_036_853_775_810));
    assert_eq!(in_form(TimestampForm::Iso), Value::text("+294276-12-31T23:59:59.999999Z"));
    assert_eq!(text(&Decode::TimestampTz(0), last), Value::text("+294276-12-31T23:59:59Z"));
    let nanos = Decode::Timestamp(TimestampForm::Nanos);
    for beyond in [last, "1677-01-01 00:00:00", "2263-01-01 00:00:00"] {
        let frame = Bytes::copy_from_slice(beyond.as_bytes());
        assert_eq!(nanos.text(&frame, &frame), Ok(Decoded::Unrepresentable), "{beyond}");
    }
    assert_eq!(text(&nanos, "infinity"), Value::Int64(i64::MAX));
}

/// Texts from PostgreSQL, values from Debezium's records of `pg_types`.
#[test]
fn intervals_are_debeziums() {
    for (written, micros, iso) in [
        ("1 year 2 mons 3 days 04:05:06.789", 37_091_106_789_000, "P1Y2M3DT4H5M6.789S"),
        ("-1 years -2 mons +3 days -04:05:06", -36_572_706_000_000, "P-1Y-2M3DT-4H-5M-6S"),
        ("00:00:00", 0, "P0Y0M0DT0H0M0S"),
        ("1 mon", 2_629_800_000_000, "P0Y1M0DT0H0M0S"),
        ("-1 days", -86_400_000_000, "P0Y0M-1DT0H0M0S"),
        ("178000000 years", i64::MAX, "P178000000Y0M0DT0H0M0S"),
        ("-00:00:00.5", -500_000, "P0Y0M0DT0H0M-0.5S"),
        ("1 day +100:00:00.000001", 446_400_000_001, "P0Y0M1DT100H0M0.000001S"),
    ] {
        assert_eq!(text(&Decode::Interval(IntervalForm::Micros), written), Value::Int64(micros), "{written}");
        assert_eq!(text(&Decode::Interval(IntervalForm::Iso), written), Value::text(iso), "{written}");
    }
    // Of -14 months, 3 days and -4:05:06, as the binary form has them.
    let cell = [&(-14_706_000_000_i64).to_be_bytes()[..], &3_i32.to_be_bytes(), &(-14_i32).to_be_bytes()].concat();
    assert_eq!(binary(&Decode::Interval(IntervalForm::Iso), &cell), Value::text("P-1Y-2M3DT-4H-5M-6S"));
    for end in ["infinity", "-infinity"] {
        let frame = Bytes::from(end);
        assert_eq!(Decode::Interval(IntervalForm::Iso).text(&frame, &frame), Ok(Decoded::Unrepresentable));
    }
    let longest = "2562047788:00:54.775807";
    assert_eq!(text(&Decode::Interval(IntervalForm::Iso), longest), Value::text("P0Y0M0DT2562047788H0M54.775807S"));
    for wrong in ["", "1", "1 year 2", "1:2", "1:2:3:4", "12:00:00 1 day", "2562047789:00:00", "99999999999 years"] {
        let frame = Bytes::from(wrong);
        assert!(Decode::Interval(IntervalForm::Iso).text(&frame, &frame).is_err(), "{wrong}");
    }
}

#[test]
fn money_is_read_in_english() {
    let precise = |digits, written: &str| text(&Decode::Money { mode: DecimalMode::Precise, digits }, written);
    let bytes = |bytes: &'static [u8]| Value::Bytes(Bytes::from_static(bytes));
    assert_eq!(precise(2, "$1,234.56"), bytes(&[1, 0xe2, 0x40]));
    assert_eq!(precise(2, "-$0.01"), bytes(&[0xff]));
    assert_eq!(precise(2, "($0.01)"), bytes(&[0xff]));
    assert_eq!(precise(2, "$92,233,720,368,547,758.07"), bytes(&[0x7f, 255, 255, 255, 255, 255, 255, 255]));
    assert_eq!(precise(0, "¥1,235"), bytes(&[4, 0xd3]));
    // Half is rounded up, away from zero.
    assert_eq!(precise(1, "$0.05"), bytes(&[1]));
    assert_eq!(precise(1, "-$0.05"), bytes(&[0xff]));
    assert_eq!(precise(0, "$0.49"), bytes(&[0]));
    assert_eq!(precise(3, "$1.00"), bytes(&[3, 0xe8]));
    let string = Decode::Money { mode: DecimalMode::String, digits: 3 };
    assert_eq!(text(&string, "$1,234.56"), Value::text("1234.56"));
    assert_eq!(text(&string, "-$0.01"), Value::text("-0.01"));
    assert_eq!(string.zero(), Value::text("0.000"));
    assert_eq!(text(&Decode::Money { mode: DecimalMode::Double, digits: 2 }, "-$1,234.50"), Value::Float64(-1234.5));
    for wrong in ["", "$", "1.234,56 €", "12,34 €", "1 234,56 €", "$1.2.3", "$1,23.4"] {
        let frame = Bytes::copy_from_slice(wrong.as_bytes());
        assert!(string.text(&frame, &frame).is_err(), "{wrong}");
    }
}

/// As Debezium writes them in `pg_types`.
#[test]
fn bits_are_little_endian_and_short() {
    let bytes = |bytes: &'static [u8]| Value::Bytes(Bytes::from_static(bytes));
    for (written, packed, expected) in [
        ("10101", &[0, 0, 0, 5, 0xa8][..], &[0x15][..]),
        ("00000", &[0, 0, 0, 5, 0], &[]),
        ("", &[0, 0, 0, 0], &[]),
        ("1010101010", &[0, 0, 0, 10, 0xaa, 0x80], &[0xaa, 2]),
        ("110000001111111100000000", &[0, 0, 0, 24, 0xc0, 0xff, 0], &[0, 0xff, 0xc0]),
    ] {
        assert_eq!(text(&Decode::Bits, written), bytes(expected), "{written}");
        assert_eq!(binary(&Decode::Bits, packed), bytes(expected), "{written}");
    }
    assert_eq!((text(&Decode::Bit, "1"), text(&Decode::Bit, "0")), (Value::Bool(true), Value::Bool(false)));
    let frame = Bytes::from_static(&[0, 0, 0, 9, 0xff]);
    assert!(Decode::Bits.binary(&frame, &frame).is_err() && Decode::Bits.text(&frame, &frame).is_err());
}

#[test]
fn hstores_are_json_or_maps() {
    let written = r#""a"=>"1", "b"=>NULL, "c d"=>"x\"y\\""#;
    let json = text(&Decode::Hstore(HstoreForm::Json), written);
    assert_eq!(json, Value::text(r#"{"a":"1","b":null,"c d":"x\"y\\"}"#));
    let pairs = [
        (Value::text("a"), Value::text("1")),
        (Value::text("b"), Value::Null),
        (Value::text("c d"), Value::text("x\"y\\")),
    ];
    assert_eq!(text(&Decode::Hstore(HstoreForm::Map), written), Value::Map(Box::new(pairs)));
    assert_eq!(text(&Decode::Hstore(HstoreForm::Json), ""), Value::text("{}"));
    for wrong in ["a", "\"a", "\"a\"", "\"a\"=>", "\"a\"=>b", "\"a\"=>NULL\"b\"=>NULL", "\"a\\"] {
        let frame = Bytes::from(wrong);
        assert!(Decode::Hstore(HstoreForm::Map).text(&frame, &frame).is_err(), "{wrong}");
    }
}

/// As Debezium writes them in `pg_types`.
#[test]
fn points_and_figures() {
    let wkb = STANDARD.decode("AQEAAAAAAAAAAAD4PwAAAAAAAALA").unwrap();
    let point = [Value::Float64(1.5), Value::Float64(-2.25), Value::Bytes(wkb.into()), Value::Null];
    let point = Value::Struct(Box::new(point));
    assert_eq!(text(&Decode::Point, "(1.5,-2.25)"), point);
    assert_eq!(binary(&Decode::Point, &[1.5_f64.to_be_bytes(), (-2.25_f64).to_be_bytes()].concat()), point);
    for (written, expected) in [
        ("{1,2,3}", "{1.0,2.0,3.0}"),
        ("[(0,0),(1,1)]", "[(0.0,0.0),(1.0,1.0)]"),
        ("<(1,-2),3e+20>", "<(1.0,-2.0),3.0E20>"),
        ("((0,Infinity),(NaN,1))", "((0.0,Infinity),(NaN,1.0))"),
    ] {
        let expected = Value::Bytes(Bytes::from(expected));
        assert_eq!(text(&Decode::Figure(BinaryMode::Bytes), written), expected, "{written}");
    }
    assert_eq!(text(&Decode::Unknown(BinaryMode::Base64), "(1,x)"), Value::text("KDEseCk="));
    let frame = Bytes::from_static(b"((0,x))");
    assert!(Decode::Figure(BinaryMode::Bytes).text(&frame, &frame).is_err());
}

#[test]
fn geometries_of_postgis() {
    let plain = "0101000000000000000000F03F0000000000000040";
    let with_srid = "0101000020E6100000000000000000F03F0000000000000040";
    let value =
        |hex: &str, srid| Value::Struct(Box::new([Value::Bytes(super::digits(hex.as_bytes()).unwrap().into()), srid]));
    assert_eq!(text(&Decode::Geometry, plain), value(plain, Value::Null));
    assert_eq!(text(&Decode::Geometry, with_srid), value(with_srid, Value::Int32(4326)));
    let array = Decode::Array { of: Box::new(Decode::Geometry), delimiter: ':', nulls: true };
    let expected = [value(plain, Value::Null), value(with_srid, Value::Int32(4326))];
    assert_eq!(text(&array, &format!("{{{plain}:{with_srid}}}")), Value::Array(Box::new(expected)));
    let big_endian = "0020000001000010E63FF00000000000004000000000000000";
    assert_eq!(text(&Decode::Geometry, big_endian), value(big_endian, Value::Int32(4326)));
    for wrong in ["", "01", "0101000020E61000", "xx"] {
        let frame = Bytes::from(wrong);
        assert!(Decode::Geometry.text(&frame, &frame).is_err(), "{wrong}");
    }
}

#[test]
fn vectors_of_pgvector() {
    let doubles = Value::Array(Box::new([Value::Float64(1.0), Value::Float64(-2.5)]));
    assert_eq!(text(&Decode::DoubleVector, "[1,-2.5]"), doubles);
    assert_eq!(text(&Decode::FloatVector, "[0.5]"), Value::Array(Box::new([Value::Float32(0.5)])));
    let pairs = Box::new([(Value::Int16(1), Value::Float64(1.5)), (Value::Int16(3), Value::Float64(2.0))]);
    assert_eq!(text(&Decode::SparseVector, "{1:1.5,3:2}/5"), vector::sparse_of(5, pairs));
    assert_eq!(text(&Decode::SparseVector, "{}/5"), vector::sparse_of(5, Box::default()));
    let frame = Bytes::from_static(b"{1:1}/40000");
    assert_eq!(Decode::SparseVector.text(&frame, &frame), Ok(Decoded::Unrepresentable));
    for wrong in ["", "[", "[1", "[a]", "{1:1}", "{1}/2", "{1:a}/2", "{1:1}/a"] {
        let frame = Bytes::from(wrong);
        assert!(Decode::DoubleVector.text(&frame, &frame).is_err(), "{wrong}");
        assert!(Decode::SparseVector.text(&frame, &frame).is_err(), "{wrong}");
    }
}

/// As `UnchangedToastedPlaceholder` has it.
#[test]
fn placeholders_in_arrays() {
    let placeholder = |decode: Decode, schema: Schema| {
        let array = Schema::of(Kind::Array(std::sync::Arc::new(schema)));
        Decode::Array { of: Box::new(decode), delimiter: ',', nulls: true }.unavailable(b"ab", &array)
    };
    let of = |value: Value| Value::Array(Box::new([value]));
    let plain = Decode::Text(Asked::AsItIs);
    assert_eq!(placeholder(plain.clone(), Schema::of(Kind::Text)), of(Value::text("ab")));
    let bytes = Value::Bytes(Bytes::from_static(b"ab"));
    assert_eq!(placeholder(Decode::Bytea(BinaryMode::Bytes), Schema::of(Kind::Bytes)), of(bytes));
    let longs = Value::Array(Box::new([Value::Int64(97), Value::Int64(98)]));
    assert_eq!(placeholder(Decode::Int8, Schema::of(Kind::Int64)), longs);
    // The MD5 of it is 187ef443-6122-d1cc-2f40-dc2b92f0eba0.
    let uuid = placeholder(plain, semantic::of(Kind::Text, semantic::UUID));
    assert_eq!(uuid, of(Value::text("187ef443-6122-31cc-af40-dc2b92f0eba0")));
    assert_eq!(placeholder(Decode::Bool, Schema::of(Kind::Bool)), Value::Null);
    let vector = dense_schema(Kind::Float64, semantic::DOUBLE_VECTOR);
    assert_eq!(Decode::DoubleVector.unavailable(b"ab", &vector), Value::Array(Box::default()));
    assert_eq!(Decode::DoubleVector.unavailable(b"ab", &vector.optional()), Value::Null);
    let hstore = Decode::Hstore(HstoreForm::Json).unavailable(b"ab", &HstoreForm::Json.schema());
    assert_eq!(hstore, Value::text(r#"{"ab":"ab"}"#));
}

#[test]
fn arrays_keep_nulls_quotes_and_escapes() {
    let texts = Decode::Array { of: Box::new(Decode::Text(Asked::AsItIs)), delimiter: ',', nulls: true };
    let expected = [
        Value::text("a"),
        Value::text("b c"),
        Value::Null,
        Value::text("q\"x\\"),
        Value::text(""),
        Value::text("NULL"),
    ];
    assert_eq!(text(&texts, r#"{a,"b c",NULL,"q\"x\\","","NULL"}"#), Value::Array(Box::new(expected)));
    let numbers = Decode::Array { of: Box::new(Decode::Int4), delimiter: ',', nulls: true };
    assert_eq!(text(&numbers, "{}"), Value::Array(Box::default()));
    assert_eq!(text(&numbers, "[2:3]={1,2}"), Value::Array(Box::new([Value::Int32(1), Value::Int32(2)])));
    let required = Decode::Array { of: Box::new(Decode::Int4), delimiter: ',', nulls: false };
    let frame = Bytes::from_static(b"{1,NULL}");
    assert_eq!(required.text(&frame, &frame), Ok(Decoded::Unrepresentable));
    let numbers_between_spaces = Decode::Vector(Box::new(Decode::Int2));
    assert_eq!(text(&numbers_between_spaces, "1 2"), Value::Array(Box::new([Value::Int16(1), Value::Int16(2)])));
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
        Just(Decode::Money { mode: DecimalMode::Precise, digits: 2 }),
        Just(Decode::Interval(IntervalForm::Iso)),
        Just(Decode::Interval(IntervalForm::Micros)),
        Just(Decode::Bits),
        Just(Decode::Hstore(HstoreForm::Json)),
        Just(Decode::Point),
        Just(Decode::Figure(BinaryMode::Hex)),
        Just(Decode::Geometry),
        Just(Decode::FloatVector),
        Just(Decode::SparseVector),
    ];
    (simple, 0..4).prop_map(|(decode, form)| match form {
        0 => Decode::Array { of: Box::new(decode), delimiter: ',', nulls: true },
        1 => Decode::Vector(Box::new(decode)),
        _ => decode,
    })
}

proptest! {
    #[test]
    fn no_cell_panics(decode in any_decode(), cell in prop::collection::vec(any::<u8>(), 0..40)) {
        let frame = Bytes::from(cell);
        let _ = decode.text(&frame, &frame);
        let _ = decode.binary(&frame, &frame);
    }

    #[test]
    fn no_text_panics(decode in any_decode(), cell in "[0-9{},:.+ BC\"\\\\x$()=>\\[\\]/-]{0,40}|[0-9]{1,12} (year|mon|day)s? [+-]?[0-9]{1,20}:[0-9]{1,9}:[0-9.]{1,20}") {
        let frame = Bytes::from(cell);
        let _ = decode.text(&frame, &frame);
    }

    #[test]
    fn bits_are_equal_in_text_and_binary(bits in prop::collection::vec(any::<bool>(), 0..40)) {
        let written: String = bits.iter().map(|bit| if *bit { '1' } else { '0' }).collect();
        let mut packed = i32::try_from(bits.len()).unwrap().to_be_bytes().to_vec();
        packed.extend(bits.chunks(8).map(|bits| {
            bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
        }));
        prop_assert_eq!(text(&Decode::Bits, &written), binary(&Decode::Bits, &packed));
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
