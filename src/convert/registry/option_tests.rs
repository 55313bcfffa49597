use super::fake::registry;
use crate::config::Properties;
use crate::convert::{Converter, Converters};

const URL: (&str, &str) = ("schema.registry.url", "http://h:8081");

/// The problems of these options, beside an address.
fn problems(options: &[(&str, &str)]) -> String {
    match registry(&[&[URL], options].concat()) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    }
}

fn warnings(options: &[(&str, &str)]) -> Vec<String> {
    let (_, warnings) = registry(&[&[URL], options].concat()).unwrap();
    warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn an_address_must_be_one() {
    assert!(registry(&[]).unwrap_err().to_string().contains("schema.registry.url: is required"));
    for (address, part) in [
        ("h:8081", "write http://HOST:PORT"),
        ("mock://x", "a mock is not supported"),
        ("ftp://u:hush@h", "write http://HOST:PORT"),
        ("http://ok, http//wrong", "write http://HOST:PORT"),
    ] {
        let problem = problems(&[("schema.registry.url", address)]);
        assert!(problem.contains(part) && !problem.contains("hush"), "{address}: {problem}");
    }
    for address in ["http://h", "https://u:p@h/api/, http://i/apis/ccompat/v7"] {
        assert_eq!(problems(&[("schema.registry.url", address)]), "");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (option, part) in [
        (("basic.auth.credentials.source", "SASL_INHERIT"), "SASL_INHERIT is not supported; use URL or USER_INFO"),
        (("basic.auth.credentials.source", "USER_INFO"), "basic.auth.user.info: must be user:password"),
        (("bearer.auth.credentials.source", "OAUTHBEARER"), "OAUTHBEARER is not supported; use STATIC_TOKEN"),
        (("bearer.auth.credentials.source", "STATIC_TOKEN"), "bearer.auth.token: is required"),
        (("use.latest.with.metadata", "a=b"), "is not supported"),
        (("value.schema.id.serializer", "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer"), "before"),
        (("rule.executors", "encrypt"), "encryption neither"),
        (("context.name.strategy", "com.example.Own"), "contexts"),
        (("value.subject.name.strategy", "com.example.Own"), "TopicRecordNameStrategy"),
        (("schema.compatibility", "SIDEWAYS"), "must be one of NONE, BACKWARD"),
        (("request.header.a b", "c"), "cannot be a header"),
        (("proxy.host", "p"), "proxy.port: is required"),
        (("schema.registry.ssl.truststore.location", "/x/t.jks"), "keytool -list -rfc -keystore /x/t.jks > ca.pem"),
        (("schema.registry.ssl.keystore.location", "/x/k.p12"), "openssl pkcs12 -in /x/k.p12 -nodes -out client.pem"),
        (("schema.registry.ssl.truststore.location", "/x/none.pem"), "cannot be read"),
        (("schema.registry.ssl.truststore.certificates", "x"), "holds no certificate in PEM"),
        (("schema.registry.ssl.keystore.key", "x"), "certificate.chain: is required beside"),
        (("schema.registry.ssl.endpoint.identification.algorithm", "own"), "must be https, or empty"),
    ] {
        let problem = problems(&[option]);
        assert!(
            problem.contains(part) && problem.contains(option.0.split('.').next().unwrap()),
            "{option:?}: {problem}"
        );
    }
}

#[test]
fn defaults_written_out_are_no_problem() {
    let given = [
        ("context.name.strategy", "io.confluent.kafka.serializers.context.NullContextNameStrategy"),
        ("value.schema.id.serializer", "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer"),
        ("value.subject.name.strategy", "io.confluent.kafka.serializers.subject.RecordNameStrategy"),
        ("schema.registry.ssl.endpoint.identification.algorithm", ""),
        ("max.schemas.per.subject", "1000"),
        ("rule.executors", ""),
        ("max.retries", "3"),
        ("proxy.port", "-1"),
    ];
    assert_eq!(problems(&given), "");
    assert_eq!(warnings(&given), Vec::<String>::new());
}

#[test]
fn what_has_no_effect_is_told() {
    for (option, part) in [
        (("use.latest.version", "true"), "while auto.register.schemas is true"),
        (("use.schema.id", "4"), "while auto.register.schemas is true"),
        (("basic.auth.user.info", "u:hush"), "without basic.auth.credentials.source=USER_INFO"),
        (("bearer.auth.token", "hush"), "without bearer.auth.credentials.source=STATIC_TOKEN"),
        (("no.such.option", "x"), "is no option of the converter"),
    ] {
        let found = warnings(&[option]);
        assert!(found.len() == 1 && found[0].contains(part) && found[0].starts_with(option.0), "{found:?}");
        assert!(!found[0].contains("hush"));
    }
}

fn properties(text: &str) -> Properties {
    serde_json::from_str(text).unwrap()
}

const AVRO: &str = r#"{
    "key.converter": "io.confluent.connect.avro.AvroConverter",
    "key.converter.schema.registry.url": "http://h:8081",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "value.converter.schema.registry.url": "http://h:8081",
    "value.converter.auto.register.schemas": "false"
}"#;

#[test]
fn both_converters_share_a_client_if_they_have_the_same_registry() {
    let shared = |converters: &Converters| match (&converters.key, &converters.value) {
        (Converter::Framed(key), Converter::Framed(value)) => key.shares_client_with(value),
        _ => panic!("not these converters"),
    };
    let same = properties(AVRO);
    assert!(shared(&Converters::configured(&same, &Properties::new()).unwrap()));
    let mut other = same.clone();
    other.insert("key.converter.schema.registry.url".to_owned(), "http://i:8081".to_owned());
    assert!(!shared(&Converters::configured(&other, &Properties::new()).unwrap()));
}

#[test]
fn the_connectors_compatibility_is_that_of_both_converters() {
    let mut connector = properties(AVRO);
    connector.insert("schema.compatibility".to_owned(), "nonsense".to_owned());
    let problems = Converters::configured(&Properties::new(), &connector).unwrap_err().to_string();
    assert!(problems.starts_with("schema.compatibility=\"nonsense\": must be one of"), "{problems}");
    assert_eq!(problems.lines().count(), 1);
    connector.insert("schema.compatibility".to_owned(), "backward".to_owned());
    let shown = format!("{:?}", Converters::configured(&Properties::new(), &connector).unwrap());
    assert_eq!(shown.matches("Some(\"BACKWARD\")").count(), 2, "{shown}");
    // Without a registry it means nothing.
    let alone = properties(r#"{"schema.compatibility": "FULL"}"#);
    let warnings = Converters::configured(&Properties::new(), &alone).unwrap().warnings;
    assert!(warnings[0].to_string().contains("schema.compatibility: has no effect"), "{warnings:?}");
}

#[test]
fn the_file_that_debezium_documents_for_apicurio_is_taken_as_it_stands() {
    let file = properties(
        r#"{
        "key.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        "key.converter.apicurio.registry.url": "http://h:8080/apis/registry/v2",
        "value.converter.apicurio.registry.url": "http://h:8080/apis/registry/v2",
        "key.converter.apicurio.registry.auto-register": "true",
        "value.converter.apicurio.registry.auto-register": "true",
        "key.converter.apicurio.registry.find-latest": "true",
        "value.converter.apicurio.registry.find-latest": "true",
        "key.converter.apicurio.registry.as-confluent": "true",
        "value.converter.apicurio.registry.as-confluent": "true",
        "key.converter.apicurio.registry.use-id": "contentId",
        "value.converter.apicurio.registry.use-id": "contentId",
        "key.converter.apicurio.registry.headers.enabled": "false",
        "value.converter.apicurio.registry.headers.enabled": "false"
    }"#,
    );
    let converters = Converters::configured(&Properties::new(), &file).unwrap();
    assert_eq!(converters.warnings, []);
    let shown = format!("{converters:?}");
    assert_eq!(shown.matches("http://h:8080/apis/ccompat/v7").count(), 2, "{shown}");
    assert_eq!(shown.matches("auto_register: true").count(), 2, "{shown}");
}

#[test]
fn problems_have_the_names_of_the_file() {
    let file = properties(
        r#"{
        "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        "value.converter.apicurio.registry.url": "nowhere",
        "value.converter.apicurio.registry.headers.enabled": "true"
    }"#,
    );
    let problems = Converters::configured(&Properties::new(), &file).unwrap_err().to_string();
    for key in ["value.converter.apicurio.registry.url", "value.converter.apicurio.registry.headers.enabled"] {
        assert!(problems.contains(key), "{problems}");
    }
    let protobuf = properties(r#"{"value.converter": "io.confluent.connect.protobuf.ProtobufConverter"}"#);
    let problems = Converters::configured(&Properties::new(), &protobuf).unwrap_err().to_string();
    assert!(problems.contains("Protobuf is not supported"), "{problems}");
}
