use bytes::Bytes;

use super::*;
use crate::config::{Problems, Properties};
use crate::data::{Field, Kind, Value, semantic};

pub(super) fn read(options: &[(&str, &str)]) -> Result<JsonSchemaData, Problems> {
    let options: Properties = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut reader = Reader::new(&options, &[JsonSchemaData::KEYS]);
    let data = JsonSchemaData::read(&mut reader);
    reader.finish(data)
}

fn data(options: &[(&str, &str)]) -> JsonSchemaData {
    read(options).unwrap()
}

fn schema_text(options: &[(&str, &str)], schema: &Schema) -> String {
    data(options).schema_of(schema).unwrap().text
}

fn written(options: &[(&str, &str)], schema: &Schema, value: &Value) -> Result<String, String> {
    let mut out = Vec::new();
    let written = data(options).plan(schema).and_then(|plan| plan.write(&mut out, value));
    written.map_err(|fault| fault.of_topic("t").to_string()).map(|()| String::from_utf8(out).unwrap())
}

fn of(kind: Kind) -> Schema {
    Schema::of(kind)
}

fn array(element: Schema) -> Schema {
    of(Kind::Array(element.into()))
}

fn map(key: Schema, value: Schema) -> Schema {
    of(Kind::Map(key.into(), value.into()))
}

/// Every kind of schema and annotation, at every place where it can stand.
fn rich(decimal_default: Value) -> Schema {
    let pairs = map(of(Kind::Int8), of(Kind::Int16).optional());
    let row = vec![
        Field::new("id", of(Kind::Int32)),
        Field::new("amount", semantic::decimal(2, Some(8)).optional()),
        Field::new("ratio", of(Kind::Float64).default(1.0)),
        Field::new("flag", Schema { doc: Some("is it \"on\"?".into()), ..of(Kind::Bool).default(true) }),
        Field::new(
            "kind",
            semantic::of(Kind::Text, semantic::ENUM).parameter("allowed", "a,b").default(Value::text("a")),
        ),
        Field::new("tags", array(of(Kind::Text).optional()).optional()),
        Field::new("attributes", map(of(Kind::Text), of(Kind::Text).optional())),
        Field::new("pairs", pairs),
    ];
    let size = of(Kind::Text).named("size").parameter("a", "b").parameter(ENUM, "size");
    let size = ["small", "<NULL>", "large", "medium"]
        .iter()
        .fold(size, |size, symbol| size.parameter(format!("{ENUM}.{symbol}"), *symbol));
    let envelope = vec![
        Field::new("after", Schema::structure("t.Value", row).optional()),
        Field::new("ts_ms", semantic::of(Kind::Int64, semantic::TIMESTAMP).default(0_i64)),
        Field::new("f", of(Kind::Float32).default(12_345_678.5_f32)),
        Field::new("n", Schema { default: Some(decimal_default), ..semantic::decimal(2, None) }),
        Field::new("size", size),
        Field::new("none", of(Kind::Struct(Vec::new()))),
    ];
    Schema::structure("t.Envelope", envelope).version(2)
}

/// The golden text is what everit's library 1.14.6 prints of this schema, put together by the calls that `JsonSchemaData`
/// makes.
#[test]
fn a_schema_is_the_text_that_confluents_converter_registers() {
    let options = [("decimal.format", "numeric"), ("object.additional.properties", "false")];
    let made = data(&options).schema_of(&rich(Value::Bytes(Bytes::from_static(&[0, 150])))).unwrap();
    assert_eq!(made.text, include_str!("golden_schema.json").trim());
    assert_eq!(made.name.as_deref(), Some("t.Envelope"));
}

#[test]
fn objects_are_open_unless_the_user_closes_them() {
    let schema = Schema::structure("t", vec![Field::new("id", of(Kind::Bool))]);
    let properties = r#""title":"t","properties":{"id":{"connect.index":0,"type":"boolean"}}}"#;
    assert_eq!(schema_text(&[], &schema), format!(r#"{{"type":"object",{properties}"#));
    let closed = schema_text(&[("object.additional.properties", "false")], &schema);
    assert_eq!(closed, format!(r#"{{"type":"object","additionalProperties":false,{properties}"#));
}

#[test]
fn an_optional_record_has_its_title_inside_and_no_name() {
    let made = data(&[]).schema_of(&Schema::structure("t", Vec::new()).optional()).unwrap();
    assert_eq!(made.text, r#"{"oneOf":[{"type":"null"},{"type":"object","title":"t"}]}"#);
    assert_eq!(made.name, None);
}

#[test]
fn decimals_and_bytes_are_base64_or_numbers() {
    let schema = semantic::decimal(2, None);
    let value = Value::Bytes(Bytes::from_static(&[0x83]));
    let described = r#""title":"org.apache.kafka.connect.data.Decimal","connect.version":1,"connect.type":"bytes","connect.parameters":{"scale":"2"}}"#;
    assert_eq!(schema_text(&[], &schema), format!(r#"{{"type":"string",{described}"#));
    assert_eq!(written(&[], &schema, &value).unwrap(), "\"gw==\"");
    let numeric = [("decimal.format", "NUMERIC")];
    assert_eq!(schema_text(&numeric, &schema), format!(r#"{{"type":"number",{described}"#));
    assert_eq!(written(&numeric, &schema, &value).unwrap(), "-1.25");
    // Bytes that are no decimal are text in either format.
    assert_eq!(schema_text(&numeric, &of(Kind::Bytes)), r#"{"type":"string","connect.type":"bytes"}"#);
    assert_eq!(written(&numeric, &of(Kind::Bytes), &value).unwrap(), "\"gw==\"");
}

#[test]
fn dates_and_times_are_their_numbers() {
    for (kind, name, value) in [
        (Kind::Int32, semantic::CONNECT_DATE, Value::Int32(19_000)),
        (Kind::Int32, semantic::CONNECT_TIME, Value::Int32(1)),
        (Kind::Int64, semantic::CONNECT_TIMESTAMP, Value::Int64(1_700_000_000_000)),
    ] {
        let schema = semantic::of(kind.clone(), name);
        let kind = if kind == Kind::Int32 { "int32" } else { "int64" };
        let expected = format!(r#"{{"type":"integer","title":"{name}","connect.version":1,"connect.type":"{kind}"}}"#);
        assert_eq!(schema_text(&[], &schema), expected);
        assert!(written(&[], &schema, &value).unwrap().parse::<i64>().is_ok());
    }
}

#[test]
fn maps_are_objects_only_if_their_keys_are_required_text() {
    let entries = Value::Map([(Value::text("a"), Value::Int32(1)), (Value::text("b"), Value::Null)].into());
    let values = of(Kind::Int32).optional();
    assert_eq!(written(&[], &map(of(Kind::Text), values.clone()), &entries).unwrap(), r#"{"a":1,"b":null}"#);
    let optional_keys = map(of(Kind::Text).optional(), values);
    assert_eq!(written(&[], &optional_keys, &entries).unwrap(), r#"[{"key":"a","value":1},{"key":"b","value":null}]"#);
    assert_eq!(
        schema_text(&[], &optional_keys),
        concat!(
            r#"{"type":"array","connect.type":"map","items":{"type":"object","properties":{"#,
            r#""value":{"connect.index":1,"oneOf":[{"type":"null"},{"type":"integer","connect.type":"int32"}]},"#,
            r#""key":{"connect.index":0,"oneOf":[{"type":"null"},{"type":"string"}]}}}}"#
        )
    );
}

#[test]
fn a_null_is_the_default_or_null_or_left_out() {
    let schema = Schema::structure(
        "t",
        vec![
            Field::new("required", of(Kind::Int32).default(1)),
            Field::new("optional", of(Kind::Int32).optional().default(2)),
            Field::new("plain", of(Kind::Int32).optional()),
        ],
    );
    let nulls = Value::Struct(vec![Value::Null; 3].into());
    assert_eq!(written(&[], &schema, &nulls).unwrap(), r#"{"required":1,"optional":2,"plain":null}"#);
    let ignored = [("ignore.default.for.nullables", "true")];
    assert_eq!(written(&ignored, &schema, &nulls).unwrap(), r#"{"optional":null,"plain":null}"#);
    // The default stays in the schema.
    assert_eq!(schema_text(&ignored, &schema), schema_text(&[], &schema));
    assert!(schema_text(&[], &schema).contains(r#""oneOf":[{"type":"null"},{"type":"integer","default":2,"#));
    let only = Schema::structure("t", vec![Field::new("required", of(Kind::Int32).default(1))]);
    assert_eq!(written(&ignored, &only, &Value::Struct([Value::Null].into())).unwrap(), "{}");
    // Where nothing can be left out it is null.
    let elements = array(of(Kind::Int32).default(1));
    assert_eq!(written(&ignored, &elements, &Value::Array([Value::Null].into())).unwrap(), "[null]");
}

#[test]
fn a_null_that_the_schema_does_not_allow_is_refused() {
    let schema = Schema::structure("t", vec![Field::new("id", of(Kind::Int32))]);
    let fault = written(&[], &schema, &Value::Struct([Value::Null].into())).unwrap_err();
    assert_eq!(fault, "topic t: field id: null, but the field is required and has no default");
}

#[test]
fn defaults_are_written_as_their_values_are() {
    let default = |schema: Schema| {
        let text = schema_text(&[("decimal.format", "NUMERIC")], &schema);
        text.split_once("\"default\":").unwrap().1.split_once(",\"connect").unwrap().0.to_owned()
    };
    assert_eq!(default(of(Kind::Float64).default(10.0)), "10");
    assert_eq!(default(of(Kind::Float64).default(0.5)), "0.5");
    assert_eq!(default(of(Kind::Float64).default(1e10)), "1.0E10");
    assert_eq!(default(of(Kind::Int64).default(100_i64)), "100");
    assert_eq!(default(of(Kind::Bytes).default(Bytes::from_static(b"m.0"))), "\"bS4w\"");
    let decimal = |unscaled: &'static [u8]| semantic::decimal(2, None).default(Bytes::from_static(unscaled));
    assert_eq!(default(decimal(&[100])), "1");
    assert_eq!(default(decimal(&[125])), "1.25");
    let text = schema_text(&[], &of(Kind::Text).default(Value::text("1.0")));
    assert_eq!(text, r#"{"type":"string","default":"1.0"}"#);
}

#[test]
fn a_default_that_json_has_no_number_for_is_refused_with_its_field() {
    let schema = Schema::structure("t", vec![Field::new("ratio", of(Kind::Float64).default(f64::NAN))]);
    let fault = data(&[]).schema_of(&schema).unwrap_err().of_topic("t").to_string();
    assert!(fault.starts_with("topic t: field ratio: the default is no finite number"), "{fault}");
}

#[test]
fn an_enum_has_its_symbols_from_its_parameters() {
    let schema = of(Kind::Text)
        .parameter(GENERALIZED_ENUM, "size")
        .parameter(format!("{GENERALIZED_ENUM}.small"), "0")
        .parameter(format!("{GENERALIZED_ENUM}.large"), "1");
    let text = schema_text(&[("generalized.sum.type.support", "true")], &schema);
    assert!(text.starts_with(r#"{"enum":["small","large"],"connect.parameters":{"org.apache"#), "{text}");
    // Without the option the symbols are looked for under the other name, as Confluent's converter does.
    assert!(schema_text(&[], &schema).starts_with(r#"{"enum":[],"#));
    // Debezium's enums are text with a parameter.
    let debeziums = semantic::of(Kind::Text, semantic::ENUM).parameter("allowed", "a,b");
    assert!(schema_text(&[], &debeziums).starts_with(r#"{"type":"string","title":"io.debezium.data.Enum""#));
}

#[test]
fn parameters_of_the_converter_are_not_shown() {
    let schema = of(Kind::Int8).parameter("io.confluent.connect.json.Id", "#id1");
    assert_eq!(schema_text(&[], &schema), r#"{"type":"integer","connect.type":"int8"}"#);
}

#[test]
fn a_choice_of_types_is_refused() {
    for choice in [
        Schema::structure("io.confluent.connect.json.OneOf", Vec::new()),
        Schema::structure("u", Vec::new()).parameter("org.apache.kafka.connect.data.Union", "u"),
        Schema::structure("org.apache.kafka.connect.data.Variant", Vec::new()),
    ] {
        let fault = data(&[]).schema_of(&array(choice.optional())).unwrap_err().of_topic("t").to_string();
        assert!(fault.starts_with("topic t: field []: a struct that is a choice of types ("), "{fault}");
    }
}

#[test]
fn options_without_effect_pass_and_those_that_are_not_supported_are_named() {
    let passing = WITHOUT_EFFECT.iter().flat_map(|name| [(*name, "true"), (*name, "false")]);
    for option in passing.chain([("json.schema.spec.version", "draft_2020_12"), ("json.schema.scan.packages", "a,b")]) {
        assert!(read(&[option]).is_ok(), "{option:?}");
    }
    let problems = read(&[
        ("json.fail.invalid.schema", "true"),
        ("json.indent.output", "true"),
        ("validation.rules.execution", "AFTER_DOMAIN_RULES"),
        ("json.schema.spec.version", "draft_3"),
        ("decimal.format", "HEX"),
        ("json.oneof.for.nullables", "perhaps"),
        ("schemas.cache.config", "many"),
    ]);
    let problems = problems.unwrap_err();
    assert_eq!(problems.0.len(), 7, "{problems}");
    assert!(problems.to_string().contains("json.indent.output=\"true\": is not supported"), "{problems}");
}

#[test]
fn the_cache_holds_at_least_one_schema() {
    assert_eq!(data(&[]).schemas_max, 1000);
    assert_eq!(data(&[("schemas.cache.config", "-1")]).schemas_max, 1);
}
