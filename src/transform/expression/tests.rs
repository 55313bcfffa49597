use super::*;
use crate::data::{Datum, Field, Kind, Schema, Value as Data, semantic};
use crate::record::{Header, Headers};

fn row_schema() -> Schema {
    let status = Schema::of(Kind::Text).optional().default(Data::text("new"));
    let attributes = Kind::Map(Schema::of(Kind::Text).into(), Schema::of(Kind::Text).optional().into());
    let fields = vec![
        Field::new("id", Schema::of(Kind::Int32)),
        Field::new("name", Schema::of(Kind::Text)),
        Field::new("note", Schema::of(Kind::Text).optional()),
        Field::new("status", status),
        Field::new("price", semantic::decimal(2, None).optional()),
        Field::new("active", Schema::of(Kind::Bool)),
        Field::new("tags", Schema::of(Kind::Array(Schema::of(Kind::Text).into()))),
        Field::new("attributes", Schema::of(attributes)),
        Field::new("amount", Schema::of(Kind::Int64).optional()),
    ];
    Schema::structure("dummy.Value", fields).optional()
}

fn row(id: i32) -> Data {
    let attributes = [(Data::text("colour"), Data::text("red"))];
    let tags = [Data::text("a"), Data::text("b")];
    let fields = [
        Data::Int32(id),
        Data::text("Anne"),
        Data::Null,
        Data::Null,
        Data::Bytes(vec![0x03, 0xe7].into()),
        Data::Bool(true),
        Data::Array(tags.into()),
        Data::Map(attributes.into()),
        Data::Null,
    ];
    Data::Struct(fields.into())
}

/// A change of that kind, of the row with that id; the topic and a header have the id too.
pub(in crate::transform) fn record(op: &str, id: i32) -> Record {
    let row_schema = Arc::new(row_schema());
    let source = Schema::structure("Source", vec![Field::new("table", Schema::of(Kind::Text))]);
    let fields = vec![
        Field::new("before", Arc::clone(&row_schema)),
        Field::new("after", row_schema),
        Field::new("source", source),
        Field::new("op", Schema::of(Kind::Text)),
    ];
    let envelope = Schema::structure("dummy.Envelope", fields).version(2);
    let before = if matches!(op, "d" | "u") { row(id) } else { Data::Null };
    let after = if op == "d" { Data::Null } else { row(id) };
    let source = Data::Struct([Data::text("customers")].into());
    let key = Schema::structure("dummy.Key", vec![Field::new("id", Schema::of(Kind::Int32))]);
    let header = Datum { schema: Schema::of(Kind::Int32).into(), value: Data::Int32(id) };
    let mut headers = Headers::default();
    headers.push(Header { name: "idh".into(), value: header });
    Record {
        topic: format!("dummy{id}").into(),
        partition: None,
        key: Some(Datum { schema: key.into(), value: Data::Struct([Data::Int32(id)].into()) }),
        value: Some(Datum {
            schema: envelope.into(),
            value: Data::Struct([before, after, source, Data::text(op)].into()),
        }),
        headers,
        ts_ms: None,
        offset: None,
    }
}

fn tombstone() -> Record {
    Record { value: None, ..record("d", 2) }
}

/// What an expression says, written down; an error with its text.
fn said(language: Language, text: &str, record: &Record) -> String {
    let mut expression = match Expression::compile(language, text) {
        Ok(expression) => expression,
        Err(fault) => return format!("{text} does not compile: {}", fault.describe(text)),
    };
    match expression.evaluate(record) {
        Ok(Outcome::Null) => "null".to_owned(),
        Ok(Outcome::Bool(truth)) => truth.to_string(),
        Ok(Outcome::Text(text)) => format!("{text:?}"),
        Ok(Outcome::Other(kind)) => kind,
        Err(reason) => format!("error: {reason}"),
    }
}

fn assert_all(language: Language, record: &Record, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(said(language, text, record), *expected, "{text}");
    }
}

#[test]
fn groovy_reads_fields() {
    let cases = [
        ("value.op == 'd' && value.before.id == 2", "true"),
        ("value.op != 'd' || value.before.id != 2", "false"),
        ("op == \"d\" && before.id == 2L", "true"),
        ("key.id == 2", "true"),
        ("source.table == 'customers'", "true"),
        ("topic == 'dummy2'", "true"),
        ("headers.idh.value == 2 && header.idh.value == 2 && headers['idh'].value() == 2", "true"),
        ("headers.other == null", "true"),
        ("headers.other?.value", "null"),
        (
            "headers.other.value",
            "error: headers.other is null, so it has no \"value\"; test it before (has(…) in CEL, ?. in Groovy)",
        ),
        ("value.get('op') == 'd' && value.getStruct('before').getInt32('id') == 2", "true"),
        ("valueSchema.name() == 'dummy.Envelope' && valueSchema.version == 2 && keySchema != null", "true"),
        ("value.before.attributes.colour", "\"red\""),
        ("value.before.attributes.size", "null"),
        ("value.before.status", "\"new\""),
        ("value.after == null && value.before != null", "true"),
        (
            "value.after.id",
            "error: value.after is null, so it has no \"id\"; test it before (has(…) in CEL, ?. in Groovy)",
        ),
        ("after.id", "error: after is null, so it has no \"id\"; test it before (has(…) in CEL, ?. in Groovy)"),
        (
            "value.after.id == 1 || true",
            "error: value.after is null, so it has no \"id\"; test it before (has(…) in CEL, ?. in Groovy)",
        ),
        ("true || value.after.id == 1", "true"),
        ("value.after?.id", "null"),
        ("value?.after?.id == null", "true"),
        ("value.before.nothing", "error: value.before has no field \"nothing\""),
        ("value.op.length() == 1", "true"),
        ("value.op.x", "error: value.op has no field \"x\""),
    ];
    assert_all(Language::Groovy, &record("d", 2), &cases);
    let cases = [
        ("value == null ? 'nulls' : 'others'", "\"nulls\""),
        ("value?.op", "null"),
        ("value.op", "error: value is null, so it has no \"op\"; test it before (has(…) in CEL, ?. in Groovy)"),
        ("valueSchema == null && valueSchema?.name == null && key.id == 2", "true"),
    ];
    assert_all(Language::Groovy, &tombstone(), &cases);
}

#[test]
fn groovy_means_what_groovy_means() {
    let cases = [
        ("value.before.price == 9.99 && value.before.price > 9", "true"),
        ("value.before.amount > 100", "false"),
        ("value.before.amount < 100 && 100 > value.before.amount", "true"),
        ("value.before.amount == null", "true"),
        ("value.before.id == '2'", "false"),
        ("value.before.id < '2'", "error: <: a whole number and text do not go together"),
        ("value.before.name > 'Ann' && value.before.name <= 'Anne'", "true"),
        ("value.op in ['c', 'd']", "true"),
        ("value.op !in ['c', 'd']", "false"),
        ("!(value.op in ['c', 'u',])", "true"),
        ("['c', 'd'].contains(value.op)", "true"),
        ("value.before.tags.contains('b')", "true"),
        ("value.before.note ? 'noted' : 'silent'", "\"silent\""),
        ("value.before.note ?: 'none'", "\"none\""),
        ("value.before && !value.before.note && value.before.id", "true"),
        ("value.before.id % 2 == 0 && value.before.id * 3 - 1 == 5 && -value.before.id == -2", "true"),
        ("'customers_' + value.before.id", "\"customers_2\""),
        ("topic + '.' + value.before.note + true", "\"dummy2.nulltrue\""),
        ("\"${topic}-${value.before.id + 1}.$value.op\"", "\"dummy2-3.d\""),
        ("'x' + value.before.price", "error: +: a floating number cannot be put into text"),
        ("value.before.name.matches('A.*e')", "true"),
        ("value.before.name.matches('nn')", "false"),
        ("value.before.name ==~ /[A-Z]\\w+/ && value.before.name =~ 'nn'", "true"),
        ("value.before.note?.matches('x')", "null"),
        ("value.before.note.matches('x')", "error: matches: is called on null; test it before (?.)"),
        ("topic.startsWith('dummy') && topic.endsWith('2') && topic.contains('mm')", "true"),
        ("value.before.name.toUpperCase().equals('ANNE') && value.before.name.equalsIgnoreCase('anne')", "true"),
        ("' a '.trim().toLowerCase().isEmpty()", "false"),
        ("'a\\'b\\u00e4' == \"a'bä\"", "true"),
        ("value.before.active", "true"),
        ("9223372036854775807 + 1", "error: +: the result is out of range, or a division by zero"),
        ("value.op == 'u' ? 'updates' : value.op == 'd' ? 'deletes' : null;", "\"deletes\""),
        ("1", "int"),
    ];
    assert_all(Language::Groovy, &record("d", 2), &cases);
}

#[test]
fn cel_reads_the_same_fields() {
    let cases = [
        ("value.op == 'd' && value.before.id == 2", "true"),
        ("op == 'd' && before.id == 2 && key.id == 2 && topic == 'dummy2'", "true"),
        ("headers.idh.value == 2 && headers['idh'].value == 2 && 'idh' in headers", "true"),
        ("has(value.after.id)", "false"),
        ("has(before.id) && !has(before.note) && !has(before.nothing)", "true"),
        ("after == null && null != before", "true"),
        // CEL's `||` hides an error that does not matter.
        ("value.after.id == 1 || true", "true"),
        (
            "value.after.id == 1",
            "error: value.after is null, so it has no \"id\"; test it before (has(…) in CEL, ?. in Groovy)",
        ),
        ("before.tags.exists(tag, tag == 'b')", "true"),
        ("before.tags.all(before, before == 'b')", "false"),
        ("size(before.tags) == 2 && size(before) == 9 && before.price > 9.5", "true"),
        ("before['name'].matches('^A') && before.attributes.colour == 'red'", "true"),
        ("op == 'd' ? 'deletes.' + string(before.id) : null", "\"deletes.2\""),
        ("valueSchema.name.endsWith('.Envelope')", "true"),
    ];
    assert_all(Language::Cel, &record("d", 2), &cases);
}

#[test]
fn a_slot_is_found_anew_for_each_schema() {
    let mut expression = Expression::compile(Language::Groovy, "value.op == 'd'").ok().unwrap();
    let mut moved = record("d", 1);
    if let Some(Datum { schema, value: Data::Struct(fields) }) = &mut moved.value {
        fields.reverse();
        let mut reversed = schema.fields().to_vec();
        reversed.reverse();
        *schema = Schema::structure("dummy.Envelope", reversed).into();
    }
    for record in [record("d", 1), moved, record("d", 3)] {
        assert_eq!(expression.evaluate(&record), Ok(Outcome::Bool(true)));
    }
}

#[test]
fn what_does_not_parse_is_shown() {
    let cases = [
        (Language::Groovy, "operation != 'd", 13, "no closing '"),
        (Language::Groovy, "operation != 'd'", 0, "there is no variable \"operation\""),
        (Language::Groovy, "value.op = 'd'", 9, "write == to compare"),
        (Language::Groovy, "value.op == 'd' & true", 16, "write &&"),
        (Language::Groovy, "value.op ==", 11, "ends too early"),
        (Language::Groovy, "value.op == 'd' value", 16, "should end here"),
        (Language::Groovy, "(value.op == 'd'", 16, "\")\" should stand here"),
        (Language::Groovy, "value.op in 'cd'", 12, "a list should stand here"),
        (Language::Groovy, "value.op ==~ /[/", 13, "no regular expression"),
        (Language::Groovy, "(new groovy.json.JsonSlurper()).parseText(value.after)", 1, "\"new\" is outside"),
        (Language::Groovy, "value.op.each { it }", 14, "is outside"),
        (Language::Groovy, "value.op.reverse()", 9, "the method \"reverse\" is outside"),
        (Language::Groovy, "value.op === 'd'", 9, "is outside"),
        (Language::Groovy, "value.id / 2", 9, "is outside"),
        (Language::Groovy, "topic.x == 1", 6, "the topic is text"),
        (Language::Groovy, "headers.a.schema", 10, "headers.NAME.value"),
        (Language::Groovy, "valueSchema.fields", 12, "name, version and doc"),
        (Language::Groovy, "99999999999999999999", 0, "is no number"),
        (Language::Groovy, "\"${topic\"", 2, "no closing }"),
        (Language::Groovy, "\"${topic +}\"", 10, "ends too early"),
        (Language::Groovy, "'\\q'", 1, "is no escape"),
        (Language::Groovy, "", 0, "ends too early"),
        (Language::Cel, "value.op == 'd' &&", 18, ""),
        (Language::Cel, "value.op = 'd'", 9, ""),
        (Language::Cel, "operation == 'd'", 0, "there is no variable \"operation\""),
        (Language::Cel, "value.op == 'd' || afte.id == 2", 19, "did you mean \"after\"?"),
        (Language::Cel, "sizes(value.op) == 1", 5, "did you mean \"size\"?"),
    ];
    for (language, text, at, reason) in cases {
        let fault = Expression::compile(language, text).err().unwrap();
        assert!(fault.at == at && fault.reason.contains(reason), "{text}: {fault:?}");
    }
    let deep = [("(", ")"), ("!", ""), ("[", "]")].map(|(open, close)| open.repeat(9999) + "1" + &close.repeat(9999));
    for text in [&deep[..], &["1".to_owned() + &"+1".repeat(999)]].concat() {
        let fault = Expression::compile(Language::Groovy, &text).err().unwrap();
        assert!(fault.reason.contains("nested too deeply"), "{fault:?}");
    }
    assert!(Expression::compile(Language::Cel, &("(".repeat(999) + "1")).is_err());
    let doubled = "value.op".to_owned() + &"?.trim()".repeat(9);
    let fault = Expression::compile(Language::Groovy, &doubled).err().unwrap();
    assert!(fault.reason.contains("there may be 8"), "{fault:?}");
}

/// On a thread with the usual stack.
#[test]
fn what_compiles_can_be_evaluated() {
    for (language, text, expected) in [
        (Language::Groovy, "1".to_owned() + &" + 1".repeat(24) + " == 25", "true"),
        (Language::Groovy, "op == 'c' || ".repeat(500) + "op == 'd'", "true"),
        (Language::Cel, "op == 'c' || ".repeat(500) + "op == 'd'", "true"),
        (Language::Groovy, "(".repeat(40) + "op == 'd'" + &")".repeat(40), "true"),
        (Language::Groovy, "value.op".to_owned() + &"?.trim()".repeat(8), "\"d\""),
        (Language::Cel, "1".to_owned() + &" + 1".repeat(24) + " == 25", "true"),
        (Language::Cel, "!".repeat(40) + "(op == 'd')", "true"),
        (Language::Cel, "[".repeat(12) + "op" + &"]".repeat(12) + &"[0]".repeat(12) + " == 'd'", "true"),
    ] {
        assert_eq!(said(language, &text, &record("d", 2)), expected, "{text}");
    }
}

#[test]
fn the_place_is_told_by_line_and_column() {
    let text = "value.op == 'c' ||\n  valu.op == 'u'";
    let fault = Expression::compile(Language::Groovy, text).err().unwrap();
    let told = fault.describe(text);
    let expected = "line 2, column 3, at \"valu.op == 'u'\": there is no variable \"valu\"; did you mean \"value\"?";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(Fault::new(3, "x").describe("abc"), "line 1, column 4, at the end: x");
}

mod never_panics {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn on_any_text(text in "[a-z'\"\\[\\]().?:&|!=<>~/$ {}0-9\\\\-]{0,40}") {
            for language in [Language::Groovy, Language::Cel] {
                if let Err(fault) = Expression::compile(language, &text) {
                    fault.describe(&text);
                }
            }
        }

        #[test]
        fn on_what_looks_like_groovy(words in prop::collection::vec(prop::sample::select(vec![
            "value", ".op", "?.before", ".id", "==", "'d'", "2", "&&", "||", "!", "(", ")", "in", "[", "]", ",", "?", ":",
            "+", "-", "null", "true", "topic", ".matches(", "headers", "\"$topic\"", "==~", "/a/",
        ]), 0..12)) {
            let text = words.join(" ");
            if let Ok(mut expression) = Expression::compile(Language::Groovy, &text) {
                let _ = expression.evaluate(&record("d", 2));
            }
        }
    }
}
