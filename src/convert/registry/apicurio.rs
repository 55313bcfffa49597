//! Apicurio's converter (`io.apicurio.registry.utils.converter.AvroConverter`): its options, in Confluent's terms.
//!
//! Its registry answers Confluent's API too, below `/apis/ccompat/v7`. Only Confluent's wire format is written, so options
//! that ask for another are problems: consumers would not find the schema's id where they look for it.

use std::collections::BTreeMap;

use crate::config::{Key, KeyKind, Problem, Properties, Warning};

/// The options that are understood (`io.apicurio.registry.serde.SerdeConfig`).
pub(in crate::convert) const APICURIO_KEYS: &[Key] = &[
    Key::new(REGISTRY_URL, KeyKind::String, "The registry, by any of its APIs.").required(),
    Key::new("apicurio.registry.auto-register", KeyKind::Boolean, "auto.register.schemas").default("false"),
    Key::new("apicurio.registry.find-latest", KeyKind::Boolean, "use.latest.version").default("false"),
    Key::new(AS_CONFLUENT, KeyKind::Boolean, "Must be true, if set.").default("true"),
    Key::new(HEADERS, KeyKind::Boolean, "Must be false: the id stands before the datum.").required(),
    Key::new("apicurio.registry.use-id", KeyKind::String, "Must be contentId, if set.").default("contentId"),
    Key::new("apicurio.registry.auth.username", KeyKind::String, "The user."),
    Key::new("apicurio.registry.auth.password", KeyKind::Password, "The password."),
];

const REGISTRY_URL: &str = "apicurio.registry.url";
const AS_CONFLUENT: &str = "apicurio.registry.as-confluent";
const HEADERS: &str = "apicurio.registry.headers.enabled";

/// Options with another name and the same meaning.
const RENAMED: &[(&str, &str)] = &[
    (REGISTRY_URL, "schema.registry.url"),
    ("apicurio.registry.auto-register", "auto.register.schemas"),
    ("apicurio.registry.find-latest", "use.latest.version"),
    ("apicurio.registry.request.ssl.truststore.location", "schema.registry.ssl.truststore.location"),
    ("apicurio.registry.request.ssl.truststore.type", "schema.registry.ssl.truststore.type"),
    ("apicurio.registry.request.ssl.truststore.password", "schema.registry.ssl.truststore.password"),
    ("apicurio.registry.request.ssl.keystore.location", "schema.registry.ssl.keystore.location"),
    ("apicurio.registry.request.ssl.keystore.type", "schema.registry.ssl.keystore.type"),
    ("apicurio.registry.request.ssl.keystore.password", "schema.registry.ssl.keystore.password"),
    ("apicurio.registry.request.ssl.key.password", "schema.registry.ssl.key.password"),
];

/// Options of which only some values can be had: the name, the values, and what to do.
const LIMITED: &[(&str, &[&str], &str)] = &[
    (AS_CONFLUENT, &["true"], "ids have four bytes here, as Confluent's; set it to true"),
    (HEADERS, &["false"], "the id stands before the datum here, not in a header; set it to false"),
    ("apicurio.registry.use-id", &["contentid"], "ids are those of contents here; set it to contentId"),
    ("apicurio.registry.id-handler", &["legacy4byteidhandler", "default4byteidhandler"], "use Default4ByteIdHandler"),
    ("apicurio.registry.avro.encoding", &["binary"], "the datum is binary; set it to BINARY"),
    ("apicurio.registry.artifact.group-id", &["default"], "subjects are in the default group; leave it out"),
    ("apicurio.registry.artifact.artifact-id", &[], "subjects are named by the strategy; leave it out"),
    ("apicurio.registry.artifact.version", &[], "leave it out, or set apicurio.registry.find-latest"),
    (
        "apicurio.registry.auto-register.if-exists",
        &["find_or_create_version", "return_or_update", "create_version", "update"],
        "set it to FIND_OR_CREATE_VERSION",
    ),
    ("apicurio.registry.auth.service.token.endpoint", &[], "use apicurio.registry.auth.username and .password"),
    ("apicurio.registry.auth.service.url", &[], "use apicurio.registry.auth.username and .password"),
    ("apicurio.registry.auth.client.id", &[], "use apicurio.registry.auth.username and .password"),
    ("apicurio.registry.auth.client-id", &[], "use apicurio.registry.auth.username and .password"),
    ("apicurio.auth.client.id", &[], "use apicurio.registry.auth.username and .password"),
];

/// Options of the reading side, of caches and of Java's classes; a name that ends in `*` stands for all that begin so.
const WITHOUT_MEANING: &[&str] = &[
    "apicurio.registry.artifact-resolver-strategy",
    "apicurio.registry.check-period-ms",
    "apicurio.registry.retry-*",
    "apicurio.registry.serde.*",
    "apicurio.registry.fallback.*",
    "apicurio.registry.headers.*",
    "apicurio.registry.deserializer.*",
    "apicurio.registry.dereference-schema",
    "apicurio.registry.use-specific-avro-reader",
    "apicurio.registry.avro-datum-provider",
    "apicurio.registry.schema-resolver",
    "apicurio.registry.is-key",
    "apicurio.registry.cached",
    "apicurio.registry.converter.*",
    "apicurio.auth.username",
    "apicurio.auth.password",
];

fn means_nothing(name: &str) -> bool {
    WITHOUT_MEANING
        .iter()
        .any(|entry| entry.strip_suffix('*').map_or(*entry == name, |prefix| name.starts_with(prefix)))
}

/// How subjects are named.
const STRATEGIES: &[(&str, &str)] =
    &[("TopicIdStrategy", "TopicNameStrategy"), ("TopicRecordIdStrategy", "TopicRecordNameStrategy")];

/// Apicurio's options, translated.
pub(in crate::convert) struct Translated {
    /// In Confluent's terms, beside all that is not Apicurio's.
    pub(in crate::convert) options: Properties,
    pub(in crate::convert) problems: Vec<Problem>,
    pub(in crate::convert) warnings: Vec<Warning>,
    /// By Confluent's name, how it was called in the file.
    names: BTreeMap<&'static str, String>,
}

impl Translated {
    /// The name that stood in the file.
    pub(in crate::convert) fn original(&self, name: &str) -> String {
        self.names.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }
}

/// Puts the options of Apicurio's converter in Confluent's terms.
pub(in crate::convert) fn translate(given: &Properties, is_key: bool) -> Translated {
    let (apicurios, others): (Properties, Properties) =
        given.clone().into_iter().partition(|(name, _)| name.starts_with("apicurio."));
    let mut done = Translated { options: others, problems: Vec::new(), warnings: Vec::new(), names: BTreeMap::new() };
    // The defaults differ.
    done.options.entry("auto.register.schemas".to_owned()).or_insert_with(|| "false".to_owned());
    for (name, value) in &apicurios {
        if let Some((_, to)) = RENAMED.iter().find(|(from, _)| from == name) {
            let value = if *to == "schema.registry.url" { compatible_api(value) } else { value.clone() };
            done.options.insert((*to).to_owned(), value);
            done.names.insert(to, name.clone());
        } else if let Some(header) = name.strip_prefix("apicurio.registry.request.headers.") {
            done.options.insert(format!("request.header.{header}"), value.clone());
        } else if let Some((_, allowed, instead)) = LIMITED.iter().find(|(known, _, _)| known == name) {
            let short = value.rsplit('.').next().unwrap_or(value).trim().to_ascii_lowercase();
            if !allowed.contains(&short.as_str()) && !short.is_empty() {
                done.problems.push(Problem::new(name, format!("is not supported: {instead}")).with_value(value));
            }
        } else if !APICURIO_KEYS.iter().any(|key| key.covers(name)) && !means_nothing(name) {
            done.warnings.push(Warning::unknown(name, "is no option of the converter that is known here; ignored"));
        }
    }
    done.names.entry("schema.registry.url").or_insert_with(|| REGISTRY_URL.to_owned());
    if !apicurios.contains_key(HEADERS) {
        let reason = "must be set to false: Apicurio's converter writes the id into a header unless it is told not to, and \
                      here it always stands before the datum";
        done.problems.push(Problem::new(HEADERS, reason));
    }
    strategy(&apicurios, is_key, &mut done);
    login(&apicurios, &mut done);
    // Both are set in Debezium's own example: there the one has no effect beside the other.
    if done.options.get("auto.register.schemas").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        done.options.remove("use.latest.version");
    }
    done
}

fn strategy(apicurios: &Properties, is_key: bool, done: &mut Translated) {
    const OPTION: &str = "apicurio.registry.artifact-resolver-strategy";
    let Some(class) = apicurios.get(OPTION) else { return };
    let short = class.rsplit('.').next().unwrap_or(class).trim();
    if let Some((_, strategy)) = STRATEGIES.iter().find(|(name, _)| *name == short) {
        let option = super::subject::option(is_key);
        done.options.insert(option.to_owned(), (*strategy).to_owned());
    } else {
        let known: Vec<&str> = STRATEGIES.iter().map(|(name, _)| *name).collect();
        let reason = format!("is not supported; use {}", known.join(" or "));
        done.problems.push(Problem::new(OPTION, reason).with_value(class));
    }
}

/// User and password have one name in version 2 and another in version 3.
fn login(apicurios: &Properties, done: &mut Translated) {
    let of = |names: [&str; 2]| names.into_iter().find_map(|name| apicurios.get(name));
    let user = of(["apicurio.registry.auth.username", "apicurio.auth.username"]);
    let password = of(["apicurio.registry.auth.password", "apicurio.auth.password"]);
    match (user, password) {
        (Some(user), Some(password)) => {
            done.options.insert("basic.auth.credentials.source".to_owned(), "USER_INFO".to_owned());
            done.options.insert("basic.auth.user.info".to_owned(), format!("{user}:{password}"));
        }
        (None, None) => {}
        (Some(_), None) => {
            done.problems.push(Problem::new("apicurio.registry.auth.password", "is required beside the user"));
        }
        (None, Some(_)) => {
            done.problems.push(Problem::new("apicurio.registry.auth.username", "is required beside the password"));
        }
    }
}

/// `http://host/apis/registry/v2` → `http://host/apis/ccompat/v7`
fn compatible_api(address: &str) -> String {
    const OWN: &[&str] = &["/apis/registry/v2", "/apis/registry/v3", "/apis/registry", "/api"];
    let address = address.trim().trim_end_matches('/');
    if address.contains("/ccompat") || address.contains(',') {
        return address.to_owned();
    }
    let host = OWN.iter().find_map(|path| address.strip_suffix(path)).unwrap_or(address);
    format!("{host}/apis/ccompat/v7")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(name, value)| (format!("apicurio.{name}"), (*value).to_owned())).collect()
    }

    #[test]
    fn debeziums_example_is_translated() {
        let translated = translate(
            &options(&[
                ("registry.url", "http://h:8080/apis/registry/v2"),
                ("registry.auto-register", "true"),
                ("registry.find-latest", "true"),
                ("registry.as-confluent", "true"),
                ("registry.use-id", "contentId"),
                ("registry.headers.enabled", "false"),
                ("registry.auth.username", "u"),
                ("registry.auth.password", "p:q"),
                ("registry.request.headers.X-A", "b"),
            ]),
            false,
        );
        assert_eq!(translated.problems, []);
        let expected: Properties = [
            ("schema.registry.url", "http://h:8080/apis/ccompat/v7"),
            ("auto.register.schemas", "true"),
            ("basic.auth.credentials.source", "USER_INFO"),
            ("basic.auth.user.info", "u:p:q"),
            ("request.header.X-A", "b"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        assert_eq!(translated.options, expected);
    }

    #[test]
    fn any_of_its_apis_leads_to_the_compatible_one() {
        for address in ["http://h", "http://h/", "http://h/apis/registry/v3/", "http://h/api", "http://h/apis/registry"]
        {
            assert_eq!(compatible_api(address), "http://h/apis/ccompat/v7", "{address}");
        }
        assert_eq!(compatible_api("https://h/x/apis/registry/v2"), "https://h/x/apis/ccompat/v7");
        assert_eq!(compatible_api("https://h/apis/ccompat/v6"), "https://h/apis/ccompat/v6");
    }

    #[test]
    fn another_wire_format_is_refused_with_what_to_set() {
        let url = ("registry.url", "http://h");
        for (name, value) in [
            ("registry.headers.enabled", "true"),
            ("registry.as-confluent", "false"),
            ("registry.use-id", "globalId"),
            ("registry.avro.encoding", "JSON"),
            ("registry.artifact-resolver-strategy", "io.apicurio.registry.serde.strategy.SimpleTopicIdStrategy"),
            ("registry.auth.client.id", "x"),
            ("registry.auth.username", "x"),
        ] {
            let mut given = options(&[url, ("registry.headers.enabled", "false")]);
            given.extend(options(&[(name, value)]));
            let problems = translate(&given, true).problems;
            assert_eq!(problems.len(), 1, "{name}: {problems:?}");
            assert!(problems[0].key.starts_with("apicurio.registry."), "{problems:?}");
        }
        assert!(translate(&options(&[url]), true).problems[0].reason.contains("must be set to false"));
    }
}
