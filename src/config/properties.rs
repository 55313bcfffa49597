//! A connector's properties: a flat map of text, as in Kafka Connect; and what of it must not be shown.

use std::collections::BTreeMap;
use std::fmt;

use super::{Key, KeyKind, placeholder};

/// A connector's properties, by name.
pub type Properties = BTreeMap<String, String>;

/// What stands where a secret is.
pub const MASK: &str = "********";

/// Text that must not be shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides the text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Whether a key's name says that its value is a secret: Debezium's default `custom.sanitize.pattern`, Kafka's keys of
/// type password, and librdkafka's.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    const WORDS: &[&str] =
        &["password", "passwd", "passphrase", "secret", "credential", "sasl.jaas.config", "request.header"];
    const ENDS: &[&str] = &[
        "basic.auth.user.info",
        "keystore.key",
        "ssl.key.pem",
        "private.key",
        "access.key",
        "api.key",
        "token",
        "sasl.oauthbearer.config",
    ];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word)) || ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether a key's value is a secret, by its declaration or its name.
#[must_use]
pub fn is_secret(name: &str, keys: &[&[Key]]) -> bool {
    is_secret_name(name) || keys.iter().copied().flatten().any(|key| key.kind == KeyKind::Password && key.name == name)
}

/// A value as it may be shown: a secret is masked, unless placeholders keep it; a password within an address too.
#[must_use]
pub fn shown(name: &str, value: &str) -> String {
    if is_secret_name(name) && !value.is_empty() && !placeholder::is_all_of(value) {
        return MASK.to_owned();
    }
    mask_user_info(value)
}

/// All properties as they may be shown.
#[must_use]
pub fn masked(properties: &Properties) -> Properties {
    properties.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect()
}

/// Masks `password` in `scheme://user:password@host`.
#[must_use]
pub fn mask_user_info(value: &str) -> String {
    let mut masked = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        masked.push_str(before);
        let authority = &after[..after.find(['/', '?', '#', ',', ' ']).unwrap_or(after.len())];
        match authority.rsplit_once('@').and_then(|(user_info, _)| user_info.split_once(':')) {
            Some((user, password)) => {
                masked.push_str(user);
                masked.push(':');
                masked.push_str(MASK);
                rest = &after[user.len() + 1 + password.len()..];
            }
            None => rest = after,
        }
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name() {
        for name in [
            "database.password",
            "producer.override.sasl.jaas.config",
            "value.converter.basic.auth.user.info",
            "apicurio.registry.auth.client.secret",
            "ssl.keystore.key",
            "database.ssl.truststore.password",
            "value.converter.request.header.Authorization",
            "value.converter.bearer.auth.token",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["key.converter", "message.key.columns", "topic.key.enforce.uniqueness", "database.user"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_shown() {
        assert_eq!(shown("database.password", "dbz"), MASK);
        assert_eq!(shown("database.password", "${env:PW}"), "${env:PW}");
        assert_eq!(shown("database.password", "x${env:PW}"), MASK);
        assert_eq!(shown("database.password", ""), "");
        assert_eq!(shown("registry.url", "http://u:p@w@h:80/a,https://h"), "http://u:********@h:80/a,https://h");
        assert_eq!(format!("{:?}", Secret::new("s3cret".to_owned())), "[secret]");
    }
}
