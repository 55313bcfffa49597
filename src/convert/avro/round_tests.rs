//! Random schemas and values: what is written here is read by apache-avro.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Read;
use num_bigint::BigInt;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::schema::without_defaults;
use super::schema_tests::data;
use super::{AvroData, Plan};
use crate::data::{Field, Kind, Schema, Value, semantic};

/// Every semantic type, and the plain ones.
fn leaves() -> Vec<Schema> {
    use semantic::{
        BITS, CONNECT_DATE, CONNECT_TIME, CONNECT_TIMESTAMP, DATE, ENUM, ENUM_SET, INTERVAL, ISO_DATE, ISO_TIME,
        ISO_TIMESTAMP, JSON, MICRO_DURATION, MICRO_TIME, MICRO_TIMESTAMP, NANO_TIME, NANO_TIMESTAMP, TIME, TIMESTAMP,
        UUID, XML, YEAR, ZONED_TIME, ZONED_TIMESTAMP,
    };
    let plain = [Kind::Bool, Kind::Int8, Kind::Int16, Kind::Int32, Kind::Int64, Kind::Float32, Kind::Float64];
    let mut leaves: Vec<Schema> = plain.into_iter().map(Schema::of).collect();
    leaves.extend([Kind::Text, Kind::Bytes].map(Schema::of));
    leaves.extend([CONNECT_DATE, CONNECT_TIME, DATE, TIME, YEAR].map(|name| semantic::of(Kind::Int32, name)));
    let longs = [CONNECT_TIMESTAMP, TIMESTAMP, MICRO_TIMESTAMP, NANO_TIMESTAMP, MICRO_TIME, NANO_TIME, MICRO_DURATION];
    leaves.extend(longs.map(|name| semantic::of(Kind::Int64, name)));
    let texts = [ISO_DATE, ISO_TIME, ISO_TIMESTAMP, ZONED_TIME, ZONED_TIMESTAMP, INTERVAL, JSON, XML, UUID];
    leaves.extend(texts.map(|name| semantic::of(Kind::Text, name)));
    leaves.extend([ENUM, ENUM_SET].map(|name| semantic::of(Kind::Text, name).parameter("allowed", "a,b")));
    leaves.push(semantic::of(Kind::Bytes, BITS).parameter("length", "12"));
    leaves.extend([semantic::decimal(2, Some(9)), semantic::decimal(0, None), semantic::decimal(5, Some(3))]);
    leaves
}

/// A struct of Debezium's that has a name in Avro.
fn variable_scale_decimal() -> Schema {
    let fields = vec![Field::new("scale", Schema::of(Kind::Int32)), Field::new("value", Schema::of(Kind::Bytes))];
    Schema { kind: Kind::Struct(fields), ..semantic::of(Kind::Int32, semantic::VARIABLE_SCALE_DECIMAL) }
}

fn with_null(schema: impl Strategy<Value = Schema>) -> impl Strategy<Value = Schema> {
    (schema, any::<bool>()).prop_map(|(schema, optional)| Schema { optional, ..schema })
}

/// Some have a default.
fn with_default(schema: impl Strategy<Value = Schema>) -> impl Strategy<Value = Schema> {
    let default = schema.prop_flat_map(|schema| {
        let value = present(&schema);
        (Just(schema), proptest::option::weighted(0.3, value))
    });
    default.prop_map(|(schema, default)| Schema { default, ..schema })
}

/// Schemas whose structs have no name yet.
fn schemas() -> impl Strategy<Value = Schema> {
    let leaf = prop_oneof![9 => proptest::sample::select(leaves()), 1 => Just(variable_scale_decimal())];
    let any = with_null(leaf).prop_recursive(4, 24, 5, |inner| {
        let element = inner.clone().prop_map(|element| Schema::of(Kind::Array(element.into())));
        let key = proptest::sample::select(vec![Kind::Text, Kind::Int32, Kind::Int64]);
        let map =
            (key, inner.clone()).prop_map(|(key, value)| Schema::of(Kind::Map(Schema::of(key).into(), value.into())));
        let fields = vec(with_default(inner), 0..5).prop_map(|fields| {
            let field = |(place, schema): (usize, Schema)| Field::new(format!("f{place}"), schema);
            Schema::of(Kind::Struct(fields.into_iter().enumerate().map(field).collect()))
        });
        with_null(prop_oneof![1 => element, 1 => map, 3 => fields])
    });
    any.prop_map(|schema| named(&schema, &mut 0))
}

/// The same, each struct and each map with a name of its own, or some without.
fn named(schema: &Schema, count: &mut usize) -> Schema {
    *count += 1;
    let number = *count;
    let kind = match &schema.kind {
        Kind::Array(element) => Kind::Array(named(element, count).into()),
        Kind::Map(key, value) => Kind::Map(Arc::clone(key), named(value, count).into()),
        Kind::Struct(fields) => {
            let field = |field: &Field| Field::new(Arc::clone(&field.name), named(&field.schema, count));
            Kind::Struct(fields.iter().map(field).collect())
        }
        simple => simple.clone(),
    };
    let name = match (&schema.name, &kind) {
        (None, Kind::Struct(_)) if number.is_multiple_of(3) => None,
        (None, Kind::Struct(_)) => Some(format!("n{}.inner.S{number}", number % 2).into()),
        (None, Kind::Map(..)) => Some(format!("m.M{number}").into()),
        (name, _) => name.clone(),
    };
    Schema { kind, name, ..schema.clone() }
}

fn values(schema: &Schema) -> BoxedStrategy<Value> {
    let present = present(schema);
    if schema.optional { prop_oneof![1 => Just(Value::Null), 3 => present].boxed() } else { present }
}

/// A value that is not null; fields that have a default may be null.
fn present(schema: &Schema) -> BoxedStrategy<Value> {
    match &schema.kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int8 => any::<i8>().prop_map(Value::Int8).boxed(),
        Kind::Int16 => any::<i16>().prop_map(Value::Int16).boxed(),
        Kind::Int32 => any::<i32>().prop_map(Value::Int32).boxed(),
        Kind::Int64 => any::<i64>().prop_map(Value::Int64).boxed(),
        Kind::Float32 => any::<f32>().prop_map(Value::Float32).boxed(),
        Kind::Float64 => any::<f64>().prop_map(Value::Float64).boxed(),
        Kind::Text => any::<String>().prop_map(Value::text).boxed(),
        Kind::Bytes => vec(any::<u8>(), 1..9).prop_map(|bytes| Value::Bytes(bytes.into())).boxed(),
        Kind::Array(element) => vec(values(element), 0..4).prop_map(|elements| Value::Array(elements.into())).boxed(),
        Kind::Map(key, value) => {
            let is_text = key.kind == Kind::Text;
            let key = key.kind.clone();
            let entries = btree_map(if is_text { "[a-z]{0,5}" } else { "[1-9][0-9]{0,5}" }, values(value), 0..4);
            let key = move |text: String| match key {
                Kind::Int32 => Value::Int32(text.parse().unwrap()),
                Kind::Int64 => Value::Int64(text.parse().unwrap()),
                _ => Value::text(text),
            };
            let all = move |entries: BTreeMap<String, Value>| {
                Value::Map(entries.into_iter().map(|(text, value)| (key(text), value)).collect())
            };
            entries.prop_map(all).boxed()
        }
        Kind::Struct(fields) => {
            let field = |field: &Field| {
                let value = values(&field.schema);
                let null = u32::from(field.schema.default.is_some());
                prop_oneof![3 => value, null => Just(Value::Null)].boxed()
            };
            let fields: Vec<_> = fields.iter().map(field).collect();
            fields.prop_map(|values| Value::Struct(values.into())).boxed()
        }
    }
}

/// Whether what was read is the value.
fn is_same(schema: &Schema, value: &Value, read: &Read) -> bool {
    if let Read::Union(_, read) = read {
        return schema.optional && is_same(schema, value, read);
    }
    match (value, read) {
        (Value::Null, Read::Null) => true,
        (Value::Bool(one), Read::Boolean(two)) => one == two,
        (Value::Int8(one), Read::Int(two)) => i32::from(*one) == *two,
        (Value::Int16(one), Read::Int(two)) => i32::from(*one) == *two,
        (Value::Int32(one), Read::Int(two) | Read::Date(two) | Read::TimeMillis(two)) => one == two,
        (Value::Int64(one), Read::Long(two) | Read::TimestampMillis(two)) => one == two,
        (Value::Float32(one), Read::Float(two)) => one.to_bits() == two.to_bits(),
        (Value::Float64(one), Read::Double(two)) => one.to_bits() == two.to_bits(),
        (Value::Text(one), Read::String(two)) => one.as_str() == two,
        (Value::Bytes(one), Read::Bytes(two)) => one == two,
        (Value::Bytes(one), Read::Decimal(two)) => BigInt::from_signed_bytes_be(one) == BigInt::from(two.clone()),
        (Value::Array(one), Read::Array(two)) => {
            let Kind::Array(element) = &schema.kind else { return false };
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| is_same(element, one, two))
        }
        (Value::Map(one), Read::Map(two)) => {
            let Kind::Map(_, value) = &schema.kind else { return false };
            let is_there = |(key, one): &(Value, Value)| {
                key.as_str().and_then(|key| two.get(key)).is_some_and(|two| is_same(value, one, two))
            };
            one.len() == two.len() && one.iter().all(is_there)
        }
        (Value::Map(one), Read::Array(two)) => {
            let Kind::Map(key, value) = &schema.kind else { return false };
            let is_entry = |one: &(Value, Value), two: &Read| {
                let Read::Record(fields) = two else { return false };
                is_same(key, &one.0, &fields[0].1) && is_same(value, &one.1, &fields[1].1)
            };
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| is_entry(one, two))
        }
        (Value::Struct(one), Read::Record(two)) => {
            let is_field = |(field, (one, (name, two))): (&Field, (&Value, &(String, Read)))| {
                let default = field.schema.default.as_ref().filter(|_| one.is_null());
                *field.name == *name && is_same(&field.schema, default.unwrap_or(one), two)
            };
            one.len() == two.len() && schema.fields().iter().zip(one.iter().zip(two)).all(is_field)
        }
        _ => false,
    }
}

/// What apache-avro reads of the bytes, all of them.
fn read(writer: &serde_json::Value, bytes: &[u8]) -> Read {
    let schema = apache_avro::Schema::parse(&without_defaults(writer.clone())).unwrap();
    let mut rest = bytes;
    let read = GenericDatumReader::builder(&schema).build().unwrap().read_value(&mut rest).unwrap();
    assert_eq!(rest.len(), 0, "bytes are left over");
    read
}

fn writer_of(data: &AvroData, schema: &Schema) -> serde_json::Value {
    let made = data.schema_of(schema).unwrap_or_else(|fault| panic!("{schema:?}: {fault:?}"));
    serde_json::from_str(&made.text).unwrap()
}

#[test]
fn every_semantic_type_is_read_back() {
    let data = data(&[]);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut all = leaves();
    all.push(variable_scale_decimal());
    for leaf in all {
        for optional in [false, true] {
            let schema = Schema::structure("r", vec![Field::new("f", Schema { optional, ..leaf.clone() })]);
            let writer = writer_of(&data, &schema);
            let plan = Plan::compile(&schema, &writer, &data).unwrap();
            let values = values(&schema);
            for _ in 0..8 {
                let value = values.new_tree(&mut runner).unwrap().current();
                let mut out = Vec::new();
                plan.write(&mut out, &value).unwrap();
                let read = read(&writer, &out);
                assert!(is_same(&schema, &value, &read), "{value:?} of {writer} is read as {read:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read_back(
        (schema, value) in schemas().prop_flat_map(|schema| { let value = values(&schema); (Just(schema), value) })
    ) {
        let data = data(&[]);
        let writer = writer_of(&data, &schema);
        let mut out = Vec::new();
        Plan::compile(&schema, &writer, &data).unwrap().write(&mut out, &value).unwrap();
        let read = read(&writer, &out);
        prop_assert!(is_same(&schema, &value, &read), "{} is read as {:?}", writer, read);
    }

    /// Fields of another order, some gone and one new.
    #[test]
    fn another_schema_of_the_writer_is_followed(
        (schema, value) in
            vec(with_default(with_null(proptest::sample::select(leaves()))), 1..8)
                .prop_map(|fields| {
                    let field = |(place, schema)| Field::new(format!("f{place}"), Schema::clone(&schema));
                    Schema::structure("r", fields.into_iter().enumerate().map(field).collect())
                })
                .prop_flat_map(|schema| { let value = values(&schema); (Just(schema), value) }),
        gone in any::<proptest::sample::Index>(),
    ) {
        let data = data(&[]);
        let mut writer = writer_of(&data, &schema);
        let fields = writer["fields"].as_array_mut().unwrap();
        let gone = gone.index(fields.len());
        fields.remove(gone);
        fields.reverse();
        fields.push(serde_json::json!({"name": "new", "type": ["null", "string"], "default": "x"}));
        let mut out = Vec::new();
        Plan::compile(&schema, &writer, &data).unwrap().write(&mut out, &value).unwrap();
        let Read::Record(read) = read(&writer, &out) else { panic!("no record") };
        let (new, kept) = read.split_last().unwrap();
        prop_assert_eq!(&new.1, &Read::Union(1, Box::new(Read::String("x".to_owned()))));
        let columns = schema.fields().iter().zip(value.as_struct().unwrap()).enumerate();
        let expected: Vec<_> = columns.filter(|(place, _)| *place != gone).map(|(_, column)| column).collect();
        prop_assert_eq!(kept.len(), expected.len());
        for ((field, value), (name, read)) in expected.into_iter().rev().zip(kept) {
            let default = field.schema.default.as_ref().filter(|_| value.is_null());
            prop_assert_eq!(&*field.name, name);
            prop_assert!(is_same(&field.schema, default.unwrap_or(value), read), "{}: {:?}", name, read);
        }
    }
}
