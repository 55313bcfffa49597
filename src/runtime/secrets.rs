//! Secrets that are sent back as they were shown: which stay, and which must be written again.
//!
//! Invariant: a secret that nobody wrote again goes only where it went before. Who may change a configuration, and may not
//! read its secrets, would otherwise have them sent to a host of theirs.

use super::check::Draft;
use crate::config::properties::{MASK, shown};
use crate::config::{Problem, Properties};

/// A draft in which the masks that stand for secrets of what is known are these secrets again; those that would go somewhere
/// else now stay masked, with a problem each.
pub(super) fn restored(known: &Properties, mut draft: Draft) -> Draft {
    let mut masked = Properties::new();
    for (key, value) in &mut draft.properties {
        if let Some(secret) = known.get(key)
            && value.contains(MASK)
            && *value == shown(key, secret)
        {
            masked.insert(key.clone(), std::mem::replace(value, secret.clone()));
        }
    }
    for (key, mask) in masked {
        if let Some(target) = moved(&key, known, &draft.properties) {
            let reason = format!("must be written again, because {target} changed: {MASK} stays with the old one");
            draft.withheld.push(Problem::new(&key, reason));
            draft.properties.insert(key, mask);
        }
    }
    draft
}

/// The key that sends a secret somewhere else than before, if there is one.
fn moved<'a>(secret: &str, known: &'a Properties, new: &'a Properties) -> Option<&'a str> {
    let value = |properties: &'a Properties, key: &str| properties.get(key).map(|value| value.trim());
    let targets = known.keys().chain(new.keys()).filter(|key| *key != secret && leads(key, secret));
    targets.map(String::as_str).find(|key| value(known, key) != value(new, key))
}

/// Whether a key says where a secret is sent.
fn leads(key: &str, secret: &str) -> bool {
    const LAST: &[&str] = &["url", "urls", "uri", "endpoint", "host", "hostname", "port", "servers"];
    let last = key.rsplit('.').next().unwrap_or_default();
    let is_address = LAST.contains(&last) || key.ends_with("broker.list");
    // Without a port, the class has one.
    (is_address || key == "connector.class") && family(key) == family(secret)
}

/// Keys of one family are those of one connection.
fn family(key: &str) -> &str {
    const CONVERTERS: &[&str] = &["key.converter", "value.converter", "header.converter"];
    const CLIENTS: &[&str] = &["producer.override.", "admin.override.", "consumer.override."];
    if key == "connector.class" {
        return "database";
    }
    // What the producer is given, the client that creates topics inherits.
    if CLIENTS.iter().any(|client| key.starts_with(client)) {
        return "override";
    }
    let converter = CONVERTERS.iter().find(|converter| key.starts_with(**converter));
    converter.copied().unwrap_or_else(|| key.split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    const KNOWN: &[(&str, &str)] = &[
        ("connector.class", "MySql"),
        ("database.hostname", "db"),
        ("database.password", "one"),
        ("producer.override.sasl.jaas.config", "two"),
        ("transforms.mask.secret", "three"),
        ("value.converter.basic.auth.user.info", "u:four"),
        ("value.converter.schema.registry.url", "http://u:five@registry"),
    ];

    /// What stays masked, and because of what, when everything is sent back as it was shown but for these.
    fn withheld(changes: &[(&str, &str)]) -> Vec<String> {
        let known = properties(KNOWN);
        let mut sent = crate::config::properties::masked(&known);
        sent.extend(properties(changes));
        let draft = restored(&known, Draft { properties: sent, ..Draft::default() });
        for (key, value) in &known {
            let is_withheld = draft.withheld.iter().any(|problem| problem.key == *key);
            let is_changed = changes.iter().any(|(changed, _)| changed == key);
            assert!(is_changed || is_withheld != (draft.properties[key] == *value), "{key}");
        }
        let told = |problem: &Problem| {
            let because = problem.reason.split("because ").nth(1).and_then(|rest| rest.split(" changed").next());
            format!("{} {}", problem.key, because.unwrap())
        };
        draft.withheld.iter().map(told).collect()
    }

    #[test]
    fn a_secret_stays_with_its_address() {
        assert_eq!(withheld(&[]), Vec::<String>::new());
        assert_eq!(withheld(&[("tasks.max", "2"), ("database.hostname", " db ")]), Vec::<String>::new());
        for (key, value) in [("database.hostname", "evil"), ("database.port", "1"), ("connector.class", "Postgres")] {
            assert_eq!(withheld(&[(key, value)]), [format!("database.password {key}")]);
        }
        for key in [
            "producer.override.bootstrap.servers",
            "admin.override.metadata.broker.list",
            "producer.override.sasl.oauthbearer.token.endpoint.url",
        ] {
            assert_eq!(withheld(&[(key, "evil:1")]), [format!("producer.override.sasl.jaas.config {key}")]);
        }
        let (login, url) = ("value.converter.basic.auth.user.info", "value.converter.schema.registry.url");
        assert_eq!(withheld(&[(url, "http://evil")]), [format!("{login} {url}")]);
        let proxy = "value.converter.proxy.host";
        assert_eq!(withheld(&[(proxy, "evil")]), [format!("{login} {proxy}"), format!("{url} {proxy}")]);
    }

    #[test]
    fn who_writes_it_again_may_send_it_anywhere() {
        assert_eq!(withheld(&[("database.hostname", "other"), ("database.password", "mine")]), Vec::<String>::new());
    }
}
