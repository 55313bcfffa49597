//! Why a registry gave no schema id, in words that say what would help.

use fancy_regex::Regex;

/// Why a registry gave no schema id. The messages hold the registry's own words; never credentials.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, or says that it cannot now. That can pass.
    #[error("schema registry {url}{}: {reason}", of(subject))]
    Unavailable {
        /// `schema.registry.url`, the last one that was tried.
        url: String,
        /// The subject; empty when the call is of none.
        subject: String,
        /// The status of the answer, if there was one.
        status: Option<u16>,
        /// What happened.
        reason: String,
    },
    /// It answers, and the same call would have the same answer.
    #[error("schema registry {url}{}: {reason}", of(subject))]
    Refused {
        /// `schema.registry.url`, the one that answered.
        url: String,
        /// The subject; empty when the call is of none.
        subject: String,
        /// The status of the answer, if there was one.
        status: Option<u16>,
        /// The registry's `error_code`.
        code: Option<i64>,
        /// What is wrong, what the registry said, and what would help.
        reason: String,
    },
    /// The subject's compatibility does not allow the schema.
    #[error("{}", incompatible(url, subject, *against, level.as_deref(), messages))]
    Incompatible {
        /// `schema.registry.url`, the one that answered.
        url: String,
        /// The subject.
        subject: String,
        /// The latest version when it was checked; the refused one would have been the next.
        against: Option<i32>,
        /// The level in force: `BACKWARD` and so on.
        level: Option<String>,
        /// The registry's explanation.
        messages: Vec<String>,
    },
    /// The schema must be in the registry already, and is not.
    #[error("schema registry {url}{}: {reason}", of(subject))]
    Unregistered {
        /// `schema.registry.url`, the one that answered.
        url: String,
        /// The subject.
        subject: String,
        /// What was looked for.
        reason: String,
    },
}

impl RegistryError {
    /// Whether waiting can help.
    #[must_use]
    pub const fn can_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

fn of(subject: &str) -> String {
    if subject.is_empty() { String::new() } else { format!(", subject {subject}") }
}

fn incompatible(url: &str, subject: &str, against: Option<i32>, level: Option<&str>, messages: &[String]) -> String {
    let version = match against {
        Some(latest) => format!("version {} would not be compatible with version {latest}", latest.saturating_add(1)),
        None => "the schema is not compatible with the versions there are".to_owned(),
    };
    let level = level.map(|level| format!(" ({level})")).unwrap_or_default();
    let fields = fields(messages);
    let fields = match fields.as_slice() {
        [] => String::new(),
        [field] => format!(", field {field}"),
        fields => format!(", fields {}", fields.join(", ")),
    };
    let said = if messages.is_empty() { "it gives no reason".to_owned() } else { messages.join("; ") };
    format!(
        "schema registry {url}, subject {subject}{fields}: {version}{level}: {said}; nothing is lost, and it goes on once \
         the registry accepts the schema: change the table back, or set another compatibility for the subject"
    )
}

/// The fields that a registry's messages name: Confluent's `The field 'a' at path '/fields/1' …`, Apicurio's
/// `[a at /fields/1]`.
#[must_use]
pub fn fields(messages: &[String]) -> Vec<String> {
    const NAMED: &[&str] = &[r"field '([^']+)'", r"[\[,] *([\w.]+) at /fields/"];
    let mut fields: Vec<String> = Vec::new();
    for pattern in NAMED.iter().filter_map(|pattern| Regex::new(pattern).ok()) {
        for found in messages.iter().flat_map(|message| pattern.captures_iter(message)).flatten() {
            let name = found.get(1).map_or("", |name| name.as_str());
            if !name.is_empty() && !fields.iter().any(|known| known == name) {
                fields.push(name.to_owned());
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incompatible_schema_is_told_with_subject_field_and_both_versions() {
        let confluent = "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'city' at path \
            '/fields/2' in the new schema has no default value and is missing in the old schema'}";
        let apicurio = "Incompatible artifact: t-value [AVRO], num of incompatible diffs: {1}, list of diff types: \
            [city at /fields/2]";
        for message in [confluent, apicurio] {
            let error = RegistryError::Incompatible {
                url: "http://r".to_owned(),
                subject: "t-value".to_owned(),
                against: Some(3),
                level: Some("BACKWARD".to_owned()),
                messages: vec![message.to_owned()],
            };
            let text = error.to_string();
            for part in ["subject t-value", "field city:", "version 4", "with version 3 (BACKWARD)", message] {
                assert!(text.contains(part), "{part} is missing in {text}");
            }
        }
    }
}
