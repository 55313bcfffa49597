use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::*;
use crate::config::{Properties, Reader};
use crate::data::{Field, Kind, Schema, Value, semantic};

/// What these options say.
pub(super) fn data(options: &[(&str, &str)]) -> AvroData {
    let options: Properties = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut read = Reader::new(&options, &[KEYS]);
    let data = AvroData::read(&mut read);
    read.finish(data).unwrap()
}

fn made(options: &[(&str, &str)], schema: &Schema) -> Json {
    let made = data(options).schema_of(schema).map_err(|fault| fault.of_topic("t").to_string()).unwrap();
    serde_json::from_str(&made.text).unwrap()
}

fn avro(schema: &Schema) -> Json {
    made(&[], schema)
}

fn fault(schema: &Schema) -> String {
    data(&[]).schema_of(schema).unwrap_err().of_topic("t").to_string()
}

fn of(kind: Kind) -> Schema {
    Schema::of(kind)
}

fn array(element: Schema) -> Kind {
    Kind::Array(element.into())
}

fn map(key: Schema, value: Schema) -> Kind {
    Kind::Map(key.into(), value.into())
}

/// The schema of a field `f` of a record `r`.
fn field(schema: Schema) -> Json {
    avro(&Schema::structure("r", vec![Field::new("f", schema)]))["fields"][0].clone()
}

/// A Connect schema, as the JSON converter tells it; without defaults that are no simple values.
fn connect(json: &Json) -> (String, Schema) {
    let part = |name: &str| connect(&json[name]).1;
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let kind = match json["type"].as_str().unwrap() {
        "boolean" => Kind::Bool,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "double" => Kind::Float64,
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "array" => array(part("items")),
        "map" => map(part("keys"), part("values")),
        "struct" => {
            let fields = json["fields"].as_array().unwrap().iter().map(connect);
            Kind::Struct(fields.map(|(name, schema)| Field::new(name, schema)).collect())
        }
        other => panic!("{other} is not in the recordings"),
    };
    let mut schema = of(kind);
    schema.optional = json["optional"] == true;
    schema.name = text("name").map(Into::into);
    schema.version = json["version"].as_i64().map(|version| version.try_into().unwrap());
    let parameters = json["parameters"].as_object().into_iter().flatten();
    schema.parameters =
        parameters.map(|(name, value)| (name.as_str().into(), value.as_str().unwrap().into())).collect();
    schema.default = match (&json["default"], &schema.kind) {
        (Json::Null, _) => None,
        (Json::Bool(flag), _) => Some(Value::Bool(*flag)),
        (Json::String(text), Kind::Text) => Some(Value::text(text.as_str())),
        (Json::Number(number), Kind::Int32) => Some(Value::Int32(number.as_i64().unwrap().try_into().unwrap())),
        (other, _) => panic!("{other} is not in the recordings"),
    };
    (text("field").unwrap_or_default(), schema)
}

#[test]
fn the_schemas_of_the_recordings_come_out_equal() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/debezium/pg_avro/schemas.jsonl");
    let text = fs::read_to_string(path).unwrap();
    for line in text.lines() {
        let pair: Json = serde_json::from_str(line).unwrap();
        let schema = connect(&pair["connect"]).1;
        let made = data(&[]).schema_of(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Json>(&made.text).unwrap(), pair["avro"]);
        // The order of the attributes too is Java's.
        assert_eq!(made.text, pair["avro"].to_string());
        assert_eq!(made.name.as_deref(), schema.name.as_deref());
    }
    assert_eq!(text.lines().count(), 11);
}

#[test]
fn each_type_has_its_own() {
    let simple = [
        (Kind::Bool, "boolean"),
        (Kind::Int32, "int"),
        (Kind::Int64, "long"),
        (Kind::Float32, "float"),
        (Kind::Float64, "double"),
        (Kind::Text, "string"),
        (Kind::Bytes, "bytes"),
    ];
    for (kind, name) in simple {
        assert_eq!(avro(&of(kind)), json!(name));
    }
    assert_eq!(avro(&of(Kind::Int8)), json!({"type": "int", "connect.type": "int8"}));
    assert_eq!(avro(&of(Kind::Int16)), json!({"type": "int", "connect.type": "int16"}));
    assert_eq!(avro(&of(array(of(Kind::Int32).optional()))), json!({"type": "array", "items": ["null", "int"]}));
    assert_eq!(avro(&of(map(of(Kind::Text), of(Kind::Int64)))), json!({"type": "map", "values": "long"}));
    assert_eq!(avro(&of(Kind::Text).optional()), json!(["null", "string"]));
    assert_eq!(data(&[]).schema_of(&of(Kind::Text)).unwrap().name, None);
}

#[test]
fn what_connect_says_besides_is_in_attributes_in_javas_order() {
    let mut schema = of(Kind::Int16).named("x.Y").version(3).parameter("a", "b").default(7_i16).optional();
    schema.doc = Some("why".into());
    let expected = concat!(
        r#"[{"type":"int","connect.doc":"why","connect.version":3,"connect.parameters":{"a":"b"},"#,
        r#""connect.default":7,"connect.name":"x.Y","connect.type":"int16"},"null"]"#
    );
    assert_eq!(data(&[]).schema_of(&schema).unwrap().text, expected);
    assert_eq!(made(&[("connect.meta.data", "false")], &schema), json!(["int", "null"]));
    let from_avro = of(Kind::Int32).parameter("io.confluent.connect.avro.field.default", "true").default(1);
    assert_eq!(avro(&from_avro), json!("int"));
}

#[test]
fn logical_types_of_connect() {
    let version = |name: &str, kind| avro(&semantic::of(kind, name));
    let expect = |kind: &str, name: &str, logical: &str| json!({"type": kind, "connect.version": 1, "connect.name": name, "logicalType": logical});
    let cases = [
        (Kind::Int32, "int", semantic::CONNECT_DATE, "date"),
        (Kind::Int32, "int", semantic::CONNECT_TIME, "time-millis"),
        (Kind::Int64, "long", semantic::CONNECT_TIMESTAMP, "timestamp-millis"),
    ];
    for (kind, type_name, name, logical) in cases {
        assert_eq!(version(name, kind), expect(type_name, name, logical));
    }
    let json = avro(&semantic::decimal(2, None));
    assert_eq!((&json["precision"], &json["scale"], &json["logicalType"]), (&json!(64), &json!(2), &json!("decimal")));
    let expected = concat!(
        r#"{"type":"bytes","scale":5,"precision":3,"connect.version":1,"#,
        r#""connect.parameters":{"scale":"5","connect.decimal.precision":"3"},"#,
        r#""connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}"#
    );
    assert_eq!(data(&[]).schema_of(&semantic::decimal(5, Some(3))).unwrap().text, expected);
    assert_eq!(avro(&semantic::decimal(-2, Some(3)))["scale"], -2);
    assert!(fault(&semantic::of(Kind::Bytes, semantic::DECIMAL)).contains("lacks the parameter scale"));
    // Debezium's own say nothing to Avro's readers.
    assert_eq!(version(semantic::TIMESTAMP, Kind::Int64).get("logicalType"), None);
}

#[test]
fn defaults_of_every_type() {
    let default = |schema: Schema| field(schema)["default"].clone();
    assert_eq!(default(of(Kind::Bool).default(true)), json!(true));
    assert_eq!(default(of(Kind::Int8).default(-1_i8)), json!(-1));
    assert_eq!(default(of(Kind::Int64).default(i64::MIN)), json!(i64::MIN));
    assert_eq!(default(of(Kind::Float64).default(0.1)), json!(0.1));
    assert_eq!(default(of(Kind::Text).default(Value::text("é\""))), json!("é\""));
    assert_eq!(default(of(Kind::Bytes).default(Bytes::from_static(&[0, 0x7f, 0xff]))), json!("\u{0}\u{7f}\u{ff}"));
    assert_eq!(default(semantic::decimal(2, None).default(Bytes::from_static(&[0x83]))), json!("\u{83}"));
    let elements = Value::Array([Value::Int32(1), Value::Null].into());
    assert_eq!(default(of(array(of(Kind::Int32).optional())).default(elements)), json!([1, null]));
    let entries = Value::Map([(Value::text("k"), Value::Int32(1))].into());
    assert_eq!(default(of(map(of(Kind::Text), of(Kind::Int32))).default(entries)), json!({"k": 1}));
    assert_eq!(field(of(Kind::Int32).optional().default(5)), {
        json!({"name": "f", "type": [{"type": "int", "connect.default": 5}, "null"], "default": 5})
    });
    assert_eq!(field(of(Kind::Int32).optional()), json!({"name": "f", "type": ["null", "int"], "default": null}));
    let short = field(of(Kind::Float32).default(0.1_f32));
    assert_eq!((&short["type"]["connect.default"], &short["default"]), (&json!(0.1), &json!(f64::from(0.1_f32))));
}

#[test]
fn a_default_of_a_struct_takes_the_defaults_of_its_fields() {
    let fields = vec![Field::new("a", of(Kind::Int32).default(4)), Field::new("b", of(Kind::Text).optional())];
    let value = Value::Struct([Value::Null, Value::Null].into());
    let json = field(Schema::structure("n.s", fields).optional().default(value));
    assert_eq!(json["default"], json!({"a": 4, "b": null}));
    assert_eq!((&json["type"][0], &json["type"][1]["connect.default"]), (&json!("null"), &json!({"a": 4, "b": null})));
}

#[test]
fn a_default_that_avro_does_not_take_is_left_out() {
    let entries = Value::Map([(Value::Int32(1), Value::Int32(2))].into());
    let json = field(of(map(of(Kind::Int32), of(Kind::Int32))).default(entries));
    assert_eq!((json.get("default"), &json["type"]["connect.default"]), (None, &json!([[1, 2]])));
    let json = field(of(Kind::Float64).default(f64::NAN));
    assert_eq!((json.get("default"), &json["type"]["connect.default"]), (None, &json!("NaN")));
}

#[test]
fn a_record_that_was_written_is_told_by_its_name() {
    let value = || Schema::structure("a.b.Value", vec![Field::new("id", of(Kind::Int32))]).optional();
    let other = || Schema::structure("c.Value", vec![Field::new("id", of(Kind::Int32))]);
    let fields = vec![
        Field::new("before", value()),
        Field::new("after", value()),
        Field::new("again", Schema { optional: false, ..value() }),
        Field::new("many", of(array(other()))),
        Field::new("one", other()),
    ];
    let json = avro(&Schema::structure("a.b.Envelope", fields));
    assert_eq!(json["fields"][0]["type"][1]["namespace"], Json::Null);
    assert_eq!(json["fields"][1], json!({"name": "after", "type": ["null", "Value"], "default": null}));
    assert_eq!(json["fields"][2]["type"], json!("Value"));
    assert_eq!(json["fields"][3]["type"]["items"]["namespace"], json!("c"));
    assert_eq!(json["fields"][4]["type"], json!("c.Value"));
}

#[test]
fn the_parameters_of_a_name_that_was_seen_are_at_the_field() {
    let point = |column: &str| {
        let fields = vec![Field::new("x", of(Kind::Float64))];
        Schema::structure("io.debezium.data.geometry.Point", fields).optional().parameter("column", column)
    };
    let json = avro(&Schema::structure("r", vec![Field::new("a", point("A")), Field::new("b", point("B"))]));
    assert_eq!(json["fields"][0]["type"][1]["connect.parameters"], json!({"column": "A"}));
    assert_eq!(json["fields"][0].get("connect.parameters"), None);
    assert_eq!(json["fields"][1], {
        let name = "io.debezium.data.geometry.Point";
        json!({"name": "b", "type": ["null", name], "default": null, "connect.parameters": {"column": "B"}})
    });
}

#[test]
fn two_schemas_of_one_name_are_refused() {
    let part = |kind| Schema::structure("p.Part", vec![Field::new("x", of(kind))]);
    let both = vec![Field::new("a", part(Kind::Int32)), Field::new("b", part(Kind::Text))];
    let fault = fault(&Schema::structure("p.Whole", both));
    assert!(fault.contains("field b: two different schemas have the name p.Part"), "{fault}");
}

#[test]
fn structs_without_a_name_are_numbered() {
    let part = |name: &str| of(Kind::Struct(vec![Field::new(name, of(Kind::Int32))]));
    let fields =
        vec![Field::new("a", part("x")), Field::new("b", part("y").optional()), Field::new("c", part("x").optional())];
    let json = avro(&of(Kind::Struct(fields)));
    assert_eq!((&json["name"], &json["namespace"]), (&json!("ConnectDefault"), &json!("io.confluent.connect.avro")));
    assert_eq!(json["fields"][0]["type"]["name"], json!("ConnectDefault2"));
    assert_eq!(json["fields"][1]["type"][1]["name"], json!("ConnectDefault3"));
    assert_eq!(json["fields"][2]["type"], json!(["null", "ConnectDefault2"]));
}

#[test]
fn a_map_whose_keys_are_no_text_is_an_array_of_entries() {
    let numbers = of(map(of(Kind::Int32), of(Kind::Text).optional()));
    assert_eq!(avro(&numbers), {
        let fields =
            json!([{"name": "key", "type": "int"}, {"name": "value", "type": ["null", "string"], "default": null}]);
        let space = "io.confluent.connect.avro";
        json!({"type": "array", "items": {"type": "record", "name": "MapEntry", "namespace": space, "fields": fields}})
    });
    let named = numbers.named("a.Numbers");
    let json = avro(&named);
    assert_eq!((&json["items"]["name"], &json["items"]["namespace"]), (&json!("Numbers"), &json!("a")));
    assert_eq!(
        (&json["items"]["connect.internal.type"], &json["connect.name"]),
        (&json!("MapEntry"), &json!("a.Numbers"))
    );
    let optional = of(map(of(Kind::Text).optional(), of(Kind::Int32)));
    assert_eq!(avro(&optional)["type"], json!("array"));
    assert_eq!(made(&[("allow.optional.map.keys", "true")], &optional)["type"], json!("map"));
}

#[test]
fn enums_are_text_unless_they_are_asked_for() {
    let with = |prefix: &str| {
        let schema = of(Kind::Text).named("a.Color").parameter(prefix, "a.Color");
        schema.parameter(format!("{prefix}.RED"), "0").parameter(format!("{prefix}.BLUE"), "1")
    };
    let schema = with("io.confluent.connect.avro.Enum").parameter("io.confluent.connect.avro.enum.doc.Color", "of it");
    assert_eq!(avro(&schema)["type"], json!("string"));
    let json = made(&[("enhanced.avro.schema.support", "true")], &schema);
    assert_eq!(
        (&json["type"], &json["symbols"], &json["doc"]),
        (&json!("enum"), &json!(["RED", "BLUE"]), &json!("of it"))
    );
    assert_eq!((&json["name"], &json["namespace"]), (&json!("Color"), &json!("a")));
    let schema = with("org.apache.kafka.connect.data.Enum");
    assert_eq!(made(&[("generalized.sum.type.support", "true")], &schema)["symbols"], json!(["RED", "BLUE"]));
}

#[test]
fn fixed_bytes_and_unions() {
    let hash = of(Kind::Bytes).named("a.Hash").parameter("connect.fixed.size", "4");
    let json = avro(&hash);
    assert_eq!((&json["type"], &json["name"], &json["size"]), (&json!("fixed"), &json!("Hash"), &json!(4)));
    let fields = vec![Field::new("int", of(Kind::Int32).optional()), Field::new("string", of(Kind::Text).optional())];
    let union = Schema::structure("io.confluent.connect.avro.Union", fields).optional();
    assert_eq!(avro(&union), json!(["null", "int", "string"]));
    assert_eq!(avro(&Schema { optional: false, ..union }), json!(["int", "string"]));
}

#[test]
fn docs_are_of_the_field_when_they_are_asked_for() {
    let mut column = of(Kind::Int32);
    column.doc = Some("of the column".into());
    let schema = Schema::structure("r", vec![Field::new("f", column)])
        .parameter("io.confluent.connect.avro.record.doc", "of the record")
        .parameter("io.confluent.connect.avro.field.doc.f", "of the field");
    let json = avro(&schema);
    assert_eq!((&json["doc"], &json["fields"][0]["doc"]), (&json!("of the record"), &json!("of the field")));
    let json = made(&[("discard.type.doc.default", "true")], &schema);
    assert_eq!((json.get("doc"), &json["fields"][0]["doc"]), (None, &json!("of the column")));
}

#[test]
fn names_that_avro_does_not_take_are_refused_or_scrubbed() {
    let schema = Schema::structure("shop-1.Value", vec![Field::new("a", of(Kind::Int32))]);
    let expected = "topic t: field after: Avro takes no schema name \"shop-1.Value\": it may hold letters, digits and _ \
                    only, and begin with no digit; schema.name.adjustment.mode=avro makes one of it";
    assert_eq!(fault(&Schema::structure("e", vec![Field::new("after", schema.clone())])), expected);
    assert_eq!(made(&[("scrub.invalid.names", "true")], &schema)["namespace"], json!("shop_1"));
    let row = Schema::structure("s.Value", vec![Field::new("Some Col", of(Kind::Int32))]);
    let said = fault(&Schema::structure("e", vec![Field::new("after", row.clone())]));
    assert!(said.starts_with("topic t: field after.Some Col: Avro takes no field name \"Some Col\""), "{said}");
    assert!(said.ends_with("field.name.adjustment.mode=avro makes one of it"), "{said}");
    assert_eq!(made(&[("scrub.invalid.names", "true")], &row)["fields"][0]["name"], json!("Some_Col"));
    let twice = vec![Field::new("a", of(Kind::Int32)), Field::new("a", of(Kind::Int32))];
    assert!(fault(&Schema::structure("s", twice)).contains("this makes no Avro schema"));
}

#[test]
fn scrubbed_names_are_confluents() {
    let cases = [
        ("abc_DEF_123", "abc_DEF_123"),
        ("abc+-.*_", "abc_2B____"),
        ("abc  def", "abc__def"),
        ("0abc.def", "x0abc_def"),
        ("é", "_C3_A9"),
    ];
    for (name, expected) in cases {
        assert_eq!(names::scrubbed(name), expected);
    }
}

#[test]
fn the_options_are_read_and_wrong_ones_named() {
    assert_eq!(data(&[]).schemas_max, 1000);
    assert_eq!(data(&[("schemas.cache.size", "5")]).schemas_max, 5);
    assert_eq!(data(&[("schemas.cache.config", "6"), ("schemas.cache.size", "5")]).schemas_max, 6);
    let options: Properties =
        [("scrub.invalid.names", "maybe"), ("flatten.unions", "1"), ("schemas.cache.config", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    let mut read = Reader::new(&options, &[KEYS]);
    let data = AvroData::read(&mut read);
    assert_eq!(read.finish(data).unwrap_err().0.len(), 3);
}
