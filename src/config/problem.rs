//! What is wrong with a configuration, and what is worth a warning.

use std::fmt;

use super::properties::shown;

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: String,
    /// Its value, unless it is a secret or missing.
    pub value: Option<String>,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl Problem {
    /// A problem of a key whose value does not matter, or must not be shown.
    pub fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), value: None, reason: reason.into() }
    }

    /// The same, with the value, as far as it may be shown.
    #[must_use]
    pub fn with_value(mut self, value: impl AsRef<str>) -> Self {
        self.value = Some(shown(&self.key, value.as_ref()));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value:?}: {}", self.key, self.reason),
            None if self.key.is_empty() => f.write_str(&self.reason),
            None => write!(f, "{}: {}", self.key, self.reason),
        }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// Something that is accepted, but perhaps not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key.
    pub key: String,
    /// What happens with it, and what would be better.
    pub what: String,
    /// Whether the key means nothing to us: what `validate --strict` refuses.
    pub unknown: bool,
}

impl Warning {
    /// A key that works, with something to say about it.
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into(), unknown: false }
    }

    /// A key that means nothing to us.
    pub fn unknown(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into(), unknown: true }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.key, self.what) }
    }
}

/// The known name that was perhaps meant, as the end of a sentence: `; did you mean "…"?`, or nothing.
#[must_use]
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let lower = name.to_ascii_lowercase();
    let nearest = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_ascii_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        // Beyond an eighth of its length a name is another one, not a slip of the finger.
        Some((distance, candidate)) if distance <= (name.len() / 8).clamp(1, 3) => {
            format!("; did you mean {candidate:?}?")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let problem = Problem::new("producer.override.sasl.password", "is too short").with_value("s3cret");
        assert_eq!(problem.to_string(), "producer.override.sasl.password=\"********\": is too short");
    }

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let known = ["database.hostname", "database.port", "table.include.list"];
        assert_eq!(did_you_mean("database.hostnme", known), "; did you mean \"database.hostname\"?");
        assert_eq!(did_you_mean("table.inlcude.list", known), "; did you mean \"table.include.list\"?");
        assert_eq!(did_you_mean("poll.interval.ms", known), "");
    }
}
