use super::*;

fn shapes(nulls: bool) -> JsonShapes {
    JsonShapes::new(nulls, false, NameAdjustment::None)
}

/// A schema as text: `name{field:type,…}`.
fn told(schema: &Schema) -> String {
    let name = schema.name.as_deref().unwrap_or_default();
    match &schema.kind {
        Kind::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}:{}", field.name, told(&field.schema))).collect();
            format!("{name}{{{}}}", fields.join(","))
        }
        Kind::Array(element) => format!("[{}]", told(element)),
        kind => format!("{kind:?}"),
    }
}

#[test]
fn types_are_inferred() {
    let text = r#"{"i":1,"l":3000000000,"d":1.0,"u":18446744073709551615,"s":"x","b":true,"n":null,"e":[],
        "a":[1,null,2],"o":{"p":{"q":1}},"as":[{"x":1},{"y":"z"}]}"#;
    let expected = "payload{i:Int32,l:Int64,d:Float64,u:Float64,s:Text,b:Bool,a:[Int32],\
        o:payload.o{p:payload.o.p{q:Int32}},as:[payload.as{x:Int32,y:Text}]}";
    let datum = shapes(false).read(Some("payload"), text).unwrap();
    assert_eq!(told(&datum.schema), expected);
    assert!(datum.schema.optional && datum.schema.fields().iter().all(|field| field.schema.optional));
    let values = datum.value.as_struct().unwrap();
    assert_eq!(values[1], Value::Int64(3_000_000_000));
    assert_eq!(values[6], Value::Array([Value::Int32(1), Value::Null, Value::Int32(2)].into()));
    let second = Value::Struct([Value::Null, Value::text("z")].into());
    assert_eq!(values[8], Value::Array([Value::Struct([Value::Int32(1), Value::Null].into()), second].into()));
}

#[test]
fn nulls_and_empty_arrays_are_kept_when_asked_for() {
    let datum = shapes(true).read(None, r#"{"n":null,"a":[{"x":null},{"x":1}]}"#).unwrap();
    assert_eq!(told(&datum.schema), "{n:Bytes,a:[a{x:Int32}]}");
    let mut shapes = JsonShapes::new(false, true, NameAdjustment::None);
    let datum = shapes.read(None, r#"{"a":[]}"#).unwrap();
    assert_eq!(
        (told(&datum.schema).as_str(), &datum.value),
        ("{a:[Text]}", &Value::Struct([Value::Array([].into())].into()))
    );
}

#[test]
fn names_are_adjusted() {
    let mut shapes = JsonShapes::new(false, false, NameAdjustment::Avro);
    let datum = shapes.read(Some("p"), r#"{"a-b":1,"a_b":2}"#).unwrap();
    assert_eq!(
        (told(&datum.schema).as_str(), &datum.value),
        ("p{a_b:Int32}", &Value::Struct([Value::Int32(1)].into()))
    );
}

#[test]
fn a_shape_has_one_schema() {
    let mut shapes = shapes(false);
    let mut schema = |text: &str| shapes.read(Some("p"), text).unwrap().schema;
    let first = schema(r#"{"a":1,"b":["x"]}"#);
    assert!(Arc::ptr_eq(&first, &schema(r#"{"a":2,"b":["y","z"]}"#)));
    for other in [r#"{"a":1,"b":[1]}"#, r#"{"b":["x"],"a":1}"#, r#"{"a":3000000000,"b":["x"]}"#] {
        assert!(!Arc::ptr_eq(&first, &schema(other)), "{other}");
    }
}

#[test]
fn what_has_no_schema_is_refused() {
    for text in ["", "x", "1", "{", r#"{"":1}"#, "[]", "[null]", r#"{"a":[1,"x"]}"#, r#"{"a":[1,3000000000]}"#] {
        assert!(shapes(false).read(Some("p"), text).is_err(), "{text}");
    }
    let merged = r#"{"a":[{"x":1},{"x":"y"}]}"#;
    assert!(shapes(false).read(None, merged).unwrap_err().contains("different types"));
}
