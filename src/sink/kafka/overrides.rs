//! Which settings of its Kafka clients a connector may override: Connect's `connector.client.config.override.policy`.
//!
//! Who may change connectors may otherwise have the worker's own credentials sent to brokers of theirs. Names and words are
//! those of `org.apache.kafka.connect.connector.policy`.

use crate::config::{Problem, Properties};

/// The worker's key.
const KEY: &str = "connector.client.config.override.policy";

/// The prefixes of overrides.
const PREFIXES: [&str; 3] = ["producer.override.", "admin.override.", "consumer.override."];

/// What `Principal` allows: who somebody is, and not where to.
const PRINCIPAL: [&str; 3] = ["security.protocol", "sasl.jaas.config", "sasl.mechanism"];

/// What a connector overrides and must not, and a policy that there is not.
pub(super) fn refused(worker: &Properties, connector: &Properties) -> Vec<Problem> {
    let policy = worker.get(KEY).map_or("", |policy| policy.trim());
    let class = policy.rsplit('.').next().unwrap_or_default();
    let name = class.strip_suffix("ConnectorClientConfigOverridePolicy").unwrap_or(class);
    let allowed: &[&str] = match name.to_ascii_lowercase().as_str() {
        "" | "all" => return Vec::new(),
        "none" => &[],
        "principal" => &PRINCIPAL,
        _ => return vec![Problem::new(KEY, "must be All, Principal or None").with_value(policy)],
    };
    let of = |key: &str| PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix)).map(str::to_owned);
    let overrides = connector.keys().filter_map(|key| Some((key, of(key)?)));
    let refused = overrides.filter(|(_, setting)| !allowed.contains(&setting.as_str())).map(|(key, setting)| {
        let reason =
            format!("The '{name}' policy does not allow '{setting}' to be overridden in the connector configuration.");
        Problem::new(key, reason)
    });
    refused.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_keys(policy: &str) -> Vec<String> {
        let worker = Properties::from([(KEY.to_owned(), policy.to_owned())]);
        let keys = ["producer.override.bootstrap.servers", "admin.override.sasl.mechanism", "database.hostname"];
        let connector = keys.map(|key| (key.to_owned(), "x".to_owned())).into();
        refused(&worker, &connector).into_iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn a_policy_says_what_may_be_overridden() {
        let class = "org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy";
        let principal = "producer.override.bootstrap.servers: The 'Principal' policy does not allow 'bootstrap.servers' to be \
                         overridden in the connector configuration.";
        assert_eq!(refused_keys(class), [principal]);
        assert_eq!(refused_keys("None").len(), 2);
        assert!(refused_keys("All").is_empty() && refused_keys("").is_empty());
        assert_eq!(refused_keys("com.acme.Mine"), [format!("{KEY}=\"com.acme.Mine\": must be All, Principal or None")]);
    }
}
