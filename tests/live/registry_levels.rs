//! The compatibility of subjects, against a real registry: each level accepts what it should, and refuses what it should.

use rowtide::config::Properties;
use rowtide::convert::registry::{Definition, Registry, RegistryError, SchemaType, Verdict};
use rowtide::convert::{Converter, Converters};

use crate::support::RUNTIME;
use crate::support::registry::api;
use crate::support::server;

/// The registry as the value converter of a connector with these settings uses it.
fn registry(level: &str) -> Registry {
    let class = "io.confluent.connect.avro.AvroConverter";
    let settings = [
        ("value.converter", class),
        ("value.converter.schema.registry.url", &api(server::registry())),
        ("schema.compatibility", level),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    match Converters::configured(&Properties::new(), &settings.into()).unwrap().value {
        Converter::Framed(framed) => framed.registry().clone(),
        other => panic!("{other:?} has no registry"),
    }
}

/// Each case has a name of its own: the registry keeps a text once for all subjects, and cases run at the same time.
fn record(case: &str, fields: &[&str]) -> Definition {
    let space = case.replace('-', "_");
    let fields = [&[r#"{"name":"id","type":"int"}"#], fields].concat().join(",");
    let text = format!(r#"{{"type":"record","name":"Value","namespace":"{space}","fields":[{fields}]}}"#);
    Definition { kind: SchemaType::Avro, text, name: Some(format!("{space}.Value")) }
}

const REQUIRED: &str = r#"{"name":"city","type":"string"}"#;
const NUMBER: &str = r#"{"name":"city","type":["null","int"],"default":null}"#;
const OPTIONAL: &str = r#"{"name":"city","type":["null","string"],"default":null}"#;

/// Registers the versions in turn; says what became of the last one.
fn last(level: &str, case: &str, versions: &[&[&str]]) -> Result<(), RegistryError> {
    let registry = registry(level);
    let subject = format!("levels-{level}-{case}-value");
    let (last, first) = versions.split_last().unwrap();
    RUNTIME.block_on(async {
        for fields in first {
            registry.register(&subject, &record(case, fields)).await.unwrap();
        }
        let verdict = registry.check(&subject, &record(case, last)).await.unwrap();
        let registered = registry.register(&subject, &record(case, last)).await.map(drop);
        match (&verdict, &registered) {
            (Verdict::Compatible { .. }, Ok(())) => {}
            (Verdict::Incompatible { messages, .. }, Err(_)) => assert!(!messages.is_empty(), "{subject}: no reason"),
            _ => panic!("{subject}: {verdict:?}, but then {registered:?}"),
        }
        registered
    })
}

/// The levels whose subjects take the last version, of all that take those before it.
fn accepting(case: &str, levels: &[&'static str], versions: &[&[&str]]) -> Vec<&'static str> {
    let takes = |level: &&'static str| match last(level, case, versions) {
        Ok(()) => true,
        Err(RegistryError::Incompatible { subject, against, messages, level: in_force, .. }) => {
            assert!(subject.contains(case) && in_force.as_deref() == Some(level), "{subject}: {in_force:?}");
            assert_eq!(against, i32::try_from(versions.len() - 1).ok());
            // Where only an earlier version stands against it, the registry's own words are all there is.
            let named = messages.iter().any(|message| message.contains("city"));
            assert!(named || case == "returns-as-text" && !messages.is_empty(), "{messages:?}");
            false
        }
        Err(error) => panic!("{error}"),
    };
    levels.iter().copied().filter(takes).collect()
}

const ALL: &[&str] =
    &["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"];

#[test]
fn a_required_field_that_is_added() {
    let accepting = accepting("add-required", ALL, &[&[], &[REQUIRED]]);
    assert_eq!(accepting, ["NONE", "FORWARD", "FORWARD_TRANSITIVE"]);
}

#[test]
fn a_required_field_that_is_dropped() {
    let accepting = accepting("drop-required", ALL, &[&[REQUIRED], &[]]);
    assert_eq!(accepting, ["NONE", "BACKWARD", "BACKWARD_TRANSITIVE"]);
}

#[test]
fn an_optional_field_that_is_added_or_dropped() {
    assert_eq!(accepting("add-optional", ALL, &[&[], &[OPTIONAL]]), ALL);
    assert_eq!(accepting("drop-optional", ALL, &[&[OPTIONAL], &[]]), ALL);
}

#[test]
fn only_the_transitive_levels_look_behind_the_latest_version() {
    let accepting = accepting("returns-as-text", ALL, &[&[NUMBER], &[], &[OPTIONAL]]);
    assert_eq!(accepting, ["NONE", "BACKWARD", "FORWARD", "FULL"]);
}

#[test]
fn what_is_registered_is_unchanged_and_what_has_no_subject_is_new() {
    let registry = registry("FULL");
    let record = || record("unchanged", &[]);
    RUNTIME.block_on(async {
        assert_eq!(registry.check("levels-unchanged-value", &record()).await.unwrap(), Verdict::New);
        let first = registry.register("levels-unchanged-value", &record()).await.unwrap();
        let verdict = registry.check("levels-unchanged-value", &record()).await.unwrap();
        assert_eq!(verdict, Verdict::Unchanged { version: Some(1), id: first.id });
        assert_eq!(registry.register("levels-unchanged-value", &record()).await.unwrap().id, first.id);
        let latest = registry.latest("levels-unchanged-value").await.unwrap().unwrap();
        assert_eq!((latest.id, latest.version), (first.id, Some(1)));
        // The same text has the same id under another subject.
        assert_eq!(registry.register("levels-other-value", &record()).await.unwrap().id, first.id);
    });
}

#[test]
fn a_path_that_is_no_registrys_says_what_is() {
    let url = format!("http://{}", server::registry().address());
    let settings = [
        ("value.converter", "io.confluent.connect.avro.AvroConverter"),
        ("value.converter.schema.registry.url", url.as_str()),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let converters = Converters::configured(&Properties::new(), &settings.into()).unwrap();
    let Converter::Framed(framed) = converters.value else { panic!("no registry") };
    let error = RUNTIME.block_on(framed.registry().latest("x")).unwrap_err().to_string();
    assert!(error.contains("/apis/ccompat/v7"), "{error}");
}
