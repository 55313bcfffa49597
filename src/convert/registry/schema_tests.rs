use super::fake::{Fake, Reply, error, json, record};
use super::*;

const ID: &str = r#"{"id":9}"#;
const LATEST: &str =
    r#"{"subject":"t-value","version":3,"id":5,"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}"}"#;
const NEW_FIELD: &str = r#"{"name":"city","type":"string"}"#;

/// The beginning of a call, and its answer.
type Case = (&'static str, fn() -> Reply);

/// Answers by the beginning of the call; what is in no case is missing.
async fn fake(cases: &'static [Case]) -> Fake {
    Fake::start(|call, _| {
        let case = cases.iter().find(|(start, _)| call.starts_with(start));
        case.map_or_else(|| error(404, 40403), |(_, answer)| answer())
    })
    .await
}

fn methods(fake: &Fake) -> Vec<String> {
    fake.calls().iter().map(|call| call.split('?').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_new_version_is_checked_and_then_registered() {
    let fake = fake(&[
        ("GET /subjects/t-value/versions/latest", || json(200, LATEST)),
        ("POST /compatibility", || json(200, r#"{"is_compatible":true,"messages":[]}"#)),
        ("POST /subjects/t-value/versions", || json(200, ID)),
    ])
    .await;
    let registry = fake.registry(&[("schema.compatibility", "FULL")]);
    assert_eq!(registry.check("t-value", &record(NEW_FIELD)).await.unwrap(), Verdict::Compatible { against: Some(3) });
    assert_eq!(registry.register("t-value", &record(NEW_FIELD)).await.unwrap().id, 9);
    // The level is the subject's own: there is no PUT.
    let expected = [
        "POST /subjects/t-value",
        "GET /subjects/t-value/versions/latest",
        "POST /compatibility/subjects/t-value/versions",
        "POST /subjects/t-value/versions",
    ];
    assert_eq!(methods(&fake)[3..], expected);
}

#[tokio::test]
async fn a_refusal_holds_the_registrys_words_and_registers_nothing() {
    let fake = fake(&[
        ("GET /subjects/t-value/versions/latest", || json(200, LATEST)),
        ("GET /config/t-value", || json(200, r#"{"compatibilityLevel":"BACKWARD"}"#)),
        ("POST /compatibility", || json(200, r#"{"is_compatible":false,"messages":["field 'city' has no default"]}"#)),
    ])
    .await;
    let registry = fake.registry(&[]);
    let error = registry.writer("t-value", &record(NEW_FIELD)).await.unwrap_err();
    let text = error.to_string();
    for part in ["t-value", "field city:", "version 4", "version 3 (BACKWARD)", "field 'city' has no default"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!methods(&fake).contains(&"POST /subjects/t-value/versions".to_owned()));
}

#[tokio::test]
async fn a_conflict_on_registration_is_a_refusal_too() {
    let fake = fake(&[
        ("GET /subjects/t-value/versions/latest", || json(200, LATEST)),
        // Without a reason, as Apicurio's answers.
        ("POST /compatibility", || json(200, r#"{"is_compatible":false}"#)),
        ("POST /subjects/t-value/versions", || {
            json(409, r#"{"error_code":409,"message":"list of diff types: [city at /fields/0]"}"#)
        }),
        ("GET /config", || json(200, r#"{"compatibilityLevel":"FORWARD"}"#)),
    ])
    .await;
    let registry = fake.registry(&[]);
    let text = registry.register("t-value", &record(NEW_FIELD)).await.unwrap_err().to_string();
    assert!(text.contains("field city:") && text.contains("(FORWARD): list of diff types"), "{text}");
    // A check changes nothing, so it must find the reason itself.
    let before = fake.calls().len();
    let Verdict::Incompatible { messages, .. } = registry.check("t-value", &record(NEW_FIELD)).await.unwrap() else {
        panic!("it is not compatible")
    };
    assert_eq!(messages, ["field 'city' of R is new and has no default"]);
    assert!(!methods(&fake)[before..].contains(&"POST /subjects/t-value/versions".to_owned()));
    let reasons =
        explain::difference(&record(NEW_FIELD), r#"{"type":"record","name":"R","fields":[]}"#, Some("BACKWARD"));
    assert!(reasons.len() == 1 && reasons[0].contains("city"), "{reasons:?}");
}

#[tokio::test]
async fn a_new_subject_gets_its_level_first() {
    let confluent = fake(&[
        ("PUT /config/t-value", || json(200, r#"{"compatibility":"FULL"}"#)),
        ("POST /subjects/t-value/versions", || json(200, ID)),
    ])
    .await;
    let registry = confluent.registry(&[("schema.compatibility", "full")]);
    assert_eq!(registry.check("t-value", &record("")).await.unwrap(), Verdict::New);
    registry.register("t-value", &record("")).await.unwrap();
    assert_eq!(methods(&confluent)[4..], ["PUT /config/t-value", "POST /subjects/t-value/versions"]);
    assert_eq!(confluent.seen()[4].body, serde_json::json!({"compatibility": "FULL"}));

    // One that does not know the subject yet is told again.
    let late = fake(&[("POST /subjects/t-value/versions", || json(200, ID))]).await;
    late.registry(&[("schema.compatibility", "NONE")]).register("t-value", &record("")).await.unwrap();
    let expected = ["PUT /config/t-value", "POST /subjects/t-value/versions", "PUT /config/t-value"];
    assert_eq!(methods(&late)[2..], expected);
}

#[tokio::test]
async fn an_older_registry_checks_the_latest_version() {
    let fake = fake(&[
        ("GET /subjects/t-value/versions/latest", || json(200, LATEST)),
        ("POST /compatibility/subjects/t-value/versions/latest", || json(200, r#"{"is_compatible":true}"#)),
        ("POST /compatibility/subjects/t-value/versions", || error(405, 405)),
    ])
    .await;
    let verdict = fake.registry(&[]).check("t-value", &record("")).await.unwrap();
    assert_eq!(verdict, Verdict::Compatible { against: Some(3) });
}

#[tokio::test]
async fn without_registration_the_schema_must_be_there() {
    let none = fake(&[]).await;
    let off = ("auto.register.schemas", "false");
    for (more, part) in [
        (("normalize.schemas", "false"), "auto.register.schemas is false"),
        (("use.latest.version", "true"), "has no version"),
        (("use.schema.id", "12"), "id 12"),
    ] {
        let error = none.registry(&[off, more]).writer("t-value", &record(NEW_FIELD)).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unregistered { .. }), "{error}");
        assert!(error.to_string().contains(part) && error.to_string().contains("goes on once"), "{error}");
    }
    assert!(!methods(&none).iter().any(|call| call.starts_with("POST /subjects/t-value/versions")));
}

#[tokio::test]
async fn the_latest_schema_writes_if_it_can_read_ours() {
    let fake = fake(&[
        ("GET /subjects/t-value/versions/latest", || json(200, LATEST)),
        ("GET /subjects/u-value/versions/latest", || {
            let text = record(r#"{"name":"must","type":"int"}"#).text;
            json(200, &serde_json::json!({"id": 6, "version": 1, "schema": text}).to_string())
        }),
    ])
    .await;
    let options = [("auto.register.schemas", "false"), ("use.latest.version", "true")];
    let registry = fake.registry(&options);
    let writer = registry.writer("t-value", &record(NEW_FIELD)).await.unwrap();
    assert_eq!((writer.id, writer.text.as_str()), (5, r#"{"type":"record","name":"R","fields":[]}"#));
    let error = registry.writer("u-value", &record(NEW_FIELD)).await.unwrap_err().to_string();
    assert!(error.contains("latest.compatibility.strict") && error.contains("must"), "{error}");
    let lax = fake.registry(&[options.as_slice(), &[("latest.compatibility.strict", "false")]].concat());
    assert_eq!(lax.writer("u-value", &record(NEW_FIELD)).await.unwrap().id, 6);
}

#[tokio::test]
async fn a_refused_schema_is_not_asked_for_again_with_the_next_record() {
    use crate::convert::{ConvertError, Converters};
    use crate::data::{Datum, Field, Kind, Schema};
    let fake = fake(&[
        ("GET /subjects/t-value/versions/latest", || json(200, LATEST)),
        ("GET /config", || json(200, r#"{"compatibilityLevel":"BACKWARD"}"#)),
        ("POST /compatibility", || json(200, r#"{"is_compatible":false,"messages":["no"]}"#)),
    ])
    .await;
    let options = [
        ("value.converter", "io.confluent.connect.avro.AvroConverter"),
        ("value.converter.schema.registry.url", fake.url.as_str()),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut converter = Converters::configured(&Properties::new(), &options.into()).unwrap().value;
    let schema = Arc::new(Schema::structure("R", vec![Field::new("id", Schema::of(Kind::Int32))]));
    let row = |id| Datum { schema: Arc::clone(&schema), value: crate::data::Value::Struct([id].into()) };
    let mut refusals = Vec::new();
    for id in 0..3 {
        let error = converter
            .encode("t", Some(&row(crate::data::Value::Int32(id))), &crate::record::Headers::default())
            .await
            .unwrap_err();
        assert!(matches!(error, ConvertError::Registry(RegistryError::Incompatible { .. })), "{error}");
        refusals.push((error.to_string(), fake.calls().len()));
    }
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
    // Another topic has another subject.
    converter
        .encode("u", Some(&row(crate::data::Value::Int32(3))), &crate::record::Headers::default())
        .await
        .unwrap_err();
    assert!(fake.calls().len() > refusals[0].1);
}
