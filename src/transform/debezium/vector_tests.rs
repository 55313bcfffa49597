use super::*;
use crate::transform::test_records::{applied, built, event, field, of, row, tombstone};

#[test]
fn vectors_become_json() {
    let array = |element: Kind, name: &str| semantic::of(Kind::Array(of(element).into()), name);
    let map = Kind::Map(of(Kind::Int16).into(), of(Kind::Float64).into());
    let sparse = vec![Field::new("dimensions", of(Kind::Int16)), Field::new("vector", of(map))];
    let columns = [
        ("d", array(Kind::Float64, "io.debezium.data.DoubleVector")),
        ("f", array(Kind::Float32, "io.debezium.data.FloatVector").optional()),
        ("s", Schema::structure("io.debezium.data.SparseDoubleVector", sparse).optional()),
        ("id", of(Kind::Int32)),
    ];
    let entries = [(Value::Int16(9), Value::Float64(0.5)), (Value::Int16(1), Value::Float64(1e10))];
    let full = row([
        Value::Array([Value::Float64(1.0), Value::Float64(-0.1)].into()),
        Value::Null,
        row([Value::Int16(25), Value::Map(entries.into())]),
        Value::Int32(1),
    ]);
    let mut transform = built(build, &[]).unwrap();
    let record = applied(&mut *transform, event("c", &columns, Value::Null, full));
    assert_eq!(field(&record, "after.d"), Value::text("{ \"values\": [1.0, -0.1] }"));
    assert_eq!(field(&record, "after.f"), Value::Null);
    let expected = "{ \"dimensions\": 25, \"vector\": { \"1\": 1.0E10, \"9\": 0.5 } }";
    assert_eq!((field(&record, "after.s"), field(&record, "after.id")), (Value::text(expected), Value::Int32(1)));
    let value = record.value.unwrap();
    let after = &value.schema.fields()[1].schema;
    assert_eq!(*after.fields()[0].schema, semantic::of(Kind::Text, semantic::JSON));
    assert_eq!(*after.fields()[1].schema, semantic::of(Kind::Text, semantic::JSON).optional());
    assert!(after.optional && field(&Record { value: Some(value), ..tombstone() }, "before").is_null());
}

#[test]
fn what_has_none_passes() {
    let record = || event("c", &[("id", of(Kind::Int32))], Value::Null, row([Value::Int32(1)]));
    let mut transform = built(build, &[]).unwrap();
    assert_eq!(applied(&mut *transform, record()).value, record().value);
    assert_eq!(applied(&mut *transform, tombstone()).value, None);
}
