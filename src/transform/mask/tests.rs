use hmac::KeyInit;
use proptest::prelude::*;

use super::plan::Masker;
use super::*;
use crate::data::{Field, Kind, Value, semantic};
use crate::record::{Header, Headers};

const SECRET: &str = "a secret of the tests";

fn mask(options: &[(&str, &str)]) -> Box<dyn Transform> {
    built(options).ok().unwrap()
}

fn built(options: &[(&str, &str)]) -> super::super::Built {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    build(&"mask".into(), &options)
}

fn formats(secret: &str) -> Formats {
    Formats::new(Keyed::new_from_slice(secret.as_bytes()).unwrap())
}

fn masked(formats: &mut Formats, masker: Masker, value: impl Into<Value>) -> Value {
    let mut value = value.into();
    formats.mask(masker, &mut value).unwrap();
    value
}

fn text(formats: &mut Formats, text: &str) -> String {
    masked(formats, Masker::Text, crate::data::Text::from(text)).as_str().unwrap().to_owned()
}

fn row_schema() -> Schema {
    let address = Schema::structure("Address", vec![Field::new("street", Schema::of(Kind::Text))]).optional();
    let fields = vec![
        Field::new("id", Schema::of(Kind::Int32)),
        Field::new("email", Schema::of(Kind::Text).optional()),
        Field::new("address", address),
    ];
    Schema::structure("customers.Value", fields).optional()
}

fn row(id: i32, email: &str) -> Value {
    let address = Value::Struct([Value::text("Main Street 1")].into());
    Value::Struct([Value::Int32(id), Value::text(email), address].into())
}

fn key(id: i32) -> Datum {
    let schema = Schema::structure("customers.Key", vec![Field::new("id", Schema::of(Kind::Int32))]);
    Datum { schema: schema.into(), value: Value::Struct([Value::Int32(id)].into()) }
}

fn record(value: Datum) -> Record {
    let header = Header { name: "__debezium.newkey".into(), value: key(7) };
    let headers = Headers { first: vec![header], ..Headers::default() };
    Record {
        topic: "customers".into(),
        partition: None,
        key: Some(key(7)),
        value: Some(value),
        headers,
        ts_ms: None,
        offset: None,
    }
}

fn envelope() -> Record {
    let row_schema = Arc::new(row_schema());
    let source = Schema::structure("Source", vec![Field::new("email", Schema::of(Kind::Text))]);
    let fields = vec![
        Field::new("before", Arc::clone(&row_schema)),
        Field::new("after", row_schema),
        Field::new("source", source),
    ];
    let source = Value::Struct([Value::text("not personal")].into());
    let value = Value::Struct([Value::Null, row(7, "anne@example.com"), source].into());
    record(Datum { schema: Schema::structure("customers.Envelope", fields).into(), value })
}

/// RFC 4231, test case 2.
#[test]
fn the_hash_is_hmac_sha256() {
    let hash = masked(&mut formats("Jefe"), Masker::HashText, crate::data::Text::from("what do ya want for nothing?"));
    assert_eq!(hash.as_str(), Some("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
}

#[test]
fn values_keys_and_headers_have_the_same_masks() {
    let mut mask = mask(&[("fields", "id,email,address\\.street"), ("secret", SECRET), ("mode", "format")]);
    let masked = mask.apply(envelope()).unwrap().unwrap();
    let of_key = masked.key.clone().unwrap().value.as_struct().unwrap()[0].clone();
    assert_ne!(of_key, Value::Int32(7));
    assert_eq!(masked.headers.iter().next().unwrap().value, masked.key.clone().unwrap());
    let value = masked.value.unwrap().value;
    let fields = value.as_struct().unwrap();
    let after = fields[1].as_struct().unwrap();
    assert_eq!(after[0], of_key);
    let email = after[1].as_str().unwrap();
    assert!(email != "anne@example.com" && email.find('@') == Some(4) && email.len() == 16, "{email}");
    let street = after[2].as_struct().unwrap()[0].as_str().unwrap();
    assert!(street != "Main Street 1" && street.len() == 13, "{street}");
    assert_eq!(fields[2], Value::Struct([Value::text("not personal")].into()));
    // The row that takes the envelope's place has the same masks.
    let flat = record(Datum { schema: row_schema().into(), value: row(7, "anne@example.com") });
    assert_eq!(mask.apply(flat).unwrap().unwrap().value.unwrap().value.as_struct().unwrap(), after);
}

#[test]
fn what_is_not_named_stays() {
    let mut mask = mask(&[("fields", "mail,street"), ("secret", SECRET), ("topic.regex", "cust.*")]);
    let passed = mask.apply(envelope()).unwrap().unwrap();
    assert_eq!((passed.key, passed.value), (envelope().key, envelope().value));
    let mut mask = self::mask(&[("fields", ".*"), ("secret", SECRET), ("topic.regex", "orders")]);
    assert_eq!(mask.apply(envelope()).unwrap().unwrap().value, envelope().value);
}

#[test]
fn what_cannot_be_masked_is_refused() {
    let said = |mode, fields| {
        let mut mask = mask(&[("fields", fields), ("secret", SECRET), ("mode", mode)]);
        mask.apply(envelope()).unwrap_err().to_string()
    };
    let expected =
        "transform mask: topic customers: field \"id\" is a whole number and cannot be masked: mode=hash takes text";
    assert!(said("hash", "id").contains(expected));
    assert!(said("format", "address").contains("field \"address\" is Address and cannot be masked"));
    let said = built(&[("fields", "(,a"), ("secret", "short"), ("mode", "fpe")]).err().unwrap().to_string();
    for expected in
        ["fields=\"(\"", "secret: must have at least 16 characters", "mode=\"fpe\": must be one of hash, format"]
    {
        assert!(said.contains(expected), "{said}");
    }
    assert!(!said.contains("short"), "{said}");
}

#[test]
fn uuids_stay_uuids() {
    let mut formats = formats(SECRET);
    for masker in [Masker::Uuid, Masker::HashUuid] {
        let uuid = "0198c0de-cafe-7abc-9def-0123456789ab";
        let other = masked(&mut formats, masker, crate::data::Text::from(uuid));
        assert!(other.as_str() != Some(uuid) && uuid::Uuid::parse_str(other.as_str().unwrap()).is_ok(), "{other:?}");
    }
    let schema = semantic::of(Kind::Text, semantic::UUID);
    let fields = Fields { patterns: vec![Regex::new("^u$").unwrap()], mode: Mode::Format };
    assert!(Plan::make(&Schema::structure("Key", vec![Field::new("u", schema)]), &fields).is_ok());
}

/// Two values must not become one: the mask of all values of a form is all values of the form.
#[test]
fn a_form_is_permuted() {
    let mut formats = formats(SECRET);
    let forms = [0..10, 10..100, 100..128, 128..1000, 1000..10_000, -9..0, -128..-99, -999..-128];
    for form in forms {
        let mut masks: Vec<Value> = form.clone().map(|n| masked(&mut formats, Masker::Int, i64::from(n))).collect();
        masks.sort_by_key(|mask| if let Value::Int64(number) = mask { *number } else { 0 });
        assert!(masks.into_iter().eq(form.clone().map(|n: i32| Value::Int64(n.into()))), "{form:?}");
    }
    let words = || ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("{a}-{b}")));
    let masks: std::collections::BTreeSet<String> = words().map(|word| text(&mut formats, &word)).collect();
    assert!(masks.into_iter().eq(words()));
}

/// What a mask keeps of a character.
fn kind(c: char) -> (usize, bool, bool, bool, bool, Option<char>) {
    let stays = (!c.is_alphanumeric()).then_some(c);
    (c.len_utf8(), c.is_ascii(), c.is_numeric(), c.is_lowercase(), c.is_uppercase(), stays)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn text_keeps_its_form(plain in "\\PC{0,40}") {
        let mask = text(&mut formats(SECRET), &plain);
        prop_assert!(mask.chars().map(kind).eq(plain.chars().map(kind)), "{plain:?} -> {mask:?}");
        prop_assert_eq!(&mask, &text(&mut formats(SECRET), &plain));
    }

    #[test]
    fn long_text_is_hidden_by_the_secret(plain in "[a-zA-Z0-9äöü漢-鿿 .@]{0,20}[a-z]{12}") {
        let mask = text(&mut formats(SECRET), &plain);
        prop_assert_ne!(&mask, &plain);
        prop_assert_ne!(&mask, &text(&mut formats("another secret of them"), &plain));
    }

    #[test]
    fn numbers_keep_digits_sign_and_type(number in any::<i64>(), shift in 0..64_u32) {
        let number = number >> shift;
        let mut formats = formats(SECRET);
        let Value::Int64(mask) = masked(&mut formats, Masker::Int, number) else { unreachable!() };
        prop_assert_eq!(mask.to_string().len(), number.to_string().len());
        prop_assert_eq!(mask < 0, number < 0);
        if let Ok(narrow) = i32::try_from(number) {
            prop_assert_eq!(masked(&mut formats, Masker::Int, narrow), Value::Int32(mask.try_into().unwrap()));
        }
        if let Ok(narrow) = i8::try_from(number) {
            prop_assert_eq!(masked(&mut formats, Masker::Int, narrow), Value::Int8(mask.try_into().unwrap()));
        }
        // Of a decimal it is the unscaled number.
        let bytes = |number: i64| Value::Bytes(num_bigint::BigInt::from(number).to_signed_bytes_be().into());
        let Value::Bytes(unscaled) = masked(&mut formats, Masker::Decimal, bytes(number)) else { unreachable!() };
        let unscaled = num_bigint::BigInt::from_signed_bytes_be(&unscaled).to_string();
        prop_assert_eq!(unscaled.len(), number.to_string().len());
    }
}
