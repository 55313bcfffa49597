use super::*;
use crate::transform::build_chain;
use crate::transform::expression::tests::record;

const GROOVY: (&str, &str) = ("language", "jsr223.groovy");
const CEL: (&str, &str) = ("language", "cel");

fn properties(options: &[(&str, &str)]) -> Properties {
    options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn filter(options: &[(&str, &str)]) -> Box<dyn Transform> {
    build_filter(&"filter".into(), &properties(options)).ok().unwrap()
}

fn router(options: &[(&str, &str)]) -> Box<dyn Transform> {
    build_router(&"route".into(), &properties(options)).ok().unwrap()
}

fn tombstone() -> Record {
    Record { value: None, ..record("d", 2) }
}

fn problems(options: &[(&str, &str)]) -> String {
    build_filter(&"filter".into(), &properties(options)).err().unwrap().to_string()
}

/// The conditions of Debezium's documentation and of its `FilterTest`, in both languages.
#[test]
fn a_condition_says_which_records_are_kept() {
    for language in [GROOVY, CEL] {
        let kept = |condition: &str, record: Record| {
            filter(&[language, ("condition", condition)]).apply(record).unwrap().is_some()
        };
        let documented = "value.op == 'u' && value.before.id == 2";
        assert!(
            kept(documented, record("u", 2)) && !kept(documented, record("u", 1)) && !kept(documented, record("c", 2))
        );
        let deletes = "value.op != 'd' || value.before.id != 2";
        assert!(!kept(deletes, record("d", 2)) && kept(deletes, record("d", 1)) && kept(deletes, record("c", 2)));
        assert!(kept("topic == 'dummy1'", record("d", 1)) && !kept("topic == 'dummy1'", record("d", 2)));
        assert!(kept("headers.idh.value == 1", record("d", 1)) && !kept("headers.idh.value == 1", record("d", 2)));
    }
}

#[test]
fn other_topics_pass() {
    let condition = ("condition", "value.op != 'd' || value.before.id != 2");
    let mut filter = filter(&[GROOVY, condition, ("topic.regex", "dum.*")]);
    assert!(filter.apply(record("d", 2)).unwrap().is_none());
    for topic in ["customer", "my.dummy"] {
        assert!(filter.apply(Record { topic: topic.into(), ..record("d", 2) }).unwrap().is_some(), "{topic}");
    }
}

#[test]
fn records_without_a_value_fare_as_the_mode_says() {
    let condition = ("condition", "value.op != 'd'");
    let fate = |mode| filter(&[GROOVY, condition, ("null.handling.mode", mode)]).apply(tombstone());
    assert!(fate("keep").unwrap().is_some() && fate("").unwrap().is_some());
    assert!(fate("drop").unwrap().is_none());
    let said = fate("evaluate").unwrap_err().to_string();
    assert!(said.contains("transform filter: topic dummy2: condition: value is null, so it has no \"op\""), "{said}");
}

/// The expressions of Debezium's documentation and of its `RouterTest`, in both languages.
#[test]
fn an_expression_says_the_topic() {
    for language in [GROOVY, CEL] {
        let topic = |expression, mode, record| {
            let options = [language, ("topic.expression", expression), ("null.handling.mode", mode)];
            router(&options).apply(record).unwrap().map(|record| record.topic.to_string())
        };
        let updates = "value.op == 'u' ? 'updates' : null";
        assert_eq!(topic(updates, "keep", record("u", 1)).as_deref(), Some("updates"));
        assert_eq!(topic(updates, "keep", record("c", 1)).as_deref(), Some("dummy1"));
        let ones = "value == null ? 'nulls' : (value.before.id == 1 ? 'ones' : null)";
        assert_eq!(topic(ones, "keep", record("d", 1)).as_deref(), Some("ones"));
        assert_eq!(topic(ones, "keep", record("d", 2)).as_deref(), Some("dummy2"));
        assert_eq!(topic(ones, "keep", tombstone()).as_deref(), Some("dummy2"));
        assert_eq!(topic(ones, "drop", tombstone()), None);
        assert_eq!(topic(ones, "evaluate", tombstone()).as_deref(), Some("nulls"));
    }
}

#[test]
fn a_result_of_another_type_is_an_error() {
    let said = |condition| filter(&[CEL, ("condition", condition)]).apply(record("d", 2)).unwrap_err().to_string();
    assert!(said("value.op").contains("condition gives text; it must give true or false"));
    assert!(said("value.after").contains("condition gives null; it must give true or false"));
    let said = |topic| router(&[CEL, ("topic.expression", topic)]).apply(record("d", 2)).unwrap_err().to_string();
    assert!(said("1").contains("topic.expression gives a value of type int; it must give a topic or null"));
    assert!(said("''").contains("topic.expression gives an empty text"));
}

#[test]
fn what_cannot_work_is_said() {
    let said = problems(&[("topic.regex", "("), ("null.handling.mode", "keeps")]);
    for expected in ["language: is required", "condition: is required", "topic.regex=\"(\"", "did you mean \"keep\"?"] {
        assert!(said.contains(expected), "{said}");
    }
    for language in ["jsr223.graal.js", "jsr223.jython", "wasm.chicory"] {
        let said = problems(&[("language", language), ("condition", "true")]);
        assert!(said.contains(&format!("language={language:?}")) && said.contains("language=cel"), "{said}");
    }
    let said = problems(&[("language", "groovy"), ("condition", "true")]);
    assert!(said.contains("must be cel or jsr223.groovy"), "{said}");
}

#[test]
fn a_connector_file_shows_where_an_expression_does_not_parse() {
    let chain = [
        ("transforms", "f,r"),
        ("transforms.f.type", "io.debezium.transforms.Filter"),
        ("transforms.f.language", "jsr223.groovy"),
        ("transforms.f.condition", "value.op = 'd'"),
        ("transforms.r.type", "io.debezium.transforms.ContentBasedRouter"),
        ("transforms.r.language", "cel"),
        ("transforms.r.topic.expression", "value.op == 'u' ? 'updates'"),
    ];
    let said = build_chain(&properties(&chain)).err().unwrap().to_string();
    for expected in [
        "transforms.f.condition=\"value.op = 'd'\": line 1, column 10, at \"= 'd'\": '=' is outside",
        "transforms.r.topic.expression=\"value.op == 'u' ? 'updates'\": line 1, column 28, at the end: ",
    ] {
        assert!(said.contains(expected), "{said}");
    }
}
