//! Whether a configuration is right, as Kafka Connect's validation would say: what its keys mean, and whether the database
//! lets itself be reached.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use super::{Refusal, Runtime, secrets};
use crate::config::properties::{MASK, is_secret_name, masked};
use crate::config::{ConnectorFile, Problem, Properties, placeholder};
use crate::connector::definition;
use crate::connector::kind::Kind;
use crate::connector::plan::{Checked, Plan};
use crate::source::SourceError;

/// How long a database may take to show that it can be reached. Debezium waits a minute; who waits for the answer does not.
const REACH_LIMIT: Duration = Duration::from_secs(10);

/// How the reason begins where a database was not reached.
pub const UNREACHED: &str = "Unable to connect: ";

/// A configuration as somebody sent it.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Names and values.
    pub properties: Properties,
    /// Names whose value is null.
    pub nulls: Vec<String>,
    /// Secrets that were sent as masks and would go somewhere else than before: they stay masks.
    pub withheld: Vec<Problem>,
}

/// What was found.
pub struct Checkup {
    /// Which connector it is.
    pub kind: Kind,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Runtime {
    /// Looks at a configuration, and at the database that it names.
    ///
    /// # Errors
    /// It names no connector that exists here.
    pub async fn check(&self, draft: &Draft) -> Result<Checkup, Refusal> {
        let properties = &draft.properties;
        let Some(class) = properties.get("connector.class") else {
            return Err(Refusal::NoClass(masked(properties)));
        };
        let resolved = self.providers().resolve(class).unwrap_or_default();
        let kind = Kind::named(resolved.trim()).map_err(|_| Refusal::UnknownClass(class.clone()))?;
        let name = properties.get("name").cloned().unwrap_or_default();
        let file = ConnectorFile::registered(&name, properties.clone());
        let Checked { mut problems, plan, .. } = Plan::check(&file, &self.surroundings.worker);
        // Whatever a mask is no good for, what is to be done about it is this.
        problems.retain(|problem| !draft.withheld.iter().any(|withheld| withheld.key == problem.key));
        problems.extend(draft.withheld.iter().cloned());
        problems.extend(self.by_definition(kind, draft, &problems));
        // As Debezium does when all of its own keys are right: what is wrong with Connect's does not matter to a connection.
        let reach = match plan {
            // Nobody is to log in with a mask.
            _ if !draft.withheld.is_empty() => None,
            _ if problems.iter().any(|problem| !definition::is_connects(&problem.key)) => None,
            Some(plan) => Some(plan.reach().boxed()),
            None => Plan::reach_of(&file, &self.surroundings.worker).map(FutureExt::boxed),
        };
        if let Some(reach) = reach {
            problems.extend(unreached(reach).await);
        }
        Ok(Checkup { kind, problems })
    }

    /// A draft in which the masks that stand for this connector's secrets are these secrets again, unless they would go
    /// somewhere else than before.
    pub fn unmasked(&self, name: &str, draft: Draft) -> Draft {
        let known = self.entries.get(name).and_then(|entry| entry.config());
        match known {
            Some(known) => secrets::restored(&known, draft),
            None => draft,
        }
    }

    /// What the definitions of the keys say, beside what is known already.
    fn by_definition(&self, kind: Kind, draft: &Draft, known: &[Problem]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let (resolved, _) = self.providers().resolve_all(&draft.properties);
        match draft.properties.get("name").map(|name| name.trim()) {
            None => problems.push(Problem::new("name", "is required")),
            Some(name) if name.is_empty() || name.chars().any(char::is_control) => {
                problems.push(Problem::new("name", "must be text without control characters"));
            }
            Some(_) => {}
        }
        let definitions = definition::of_every_connector(kind).into_iter().chain(definition::of_connector(kind));
        // Any version is as good as the one that there is.
        for definition in definitions.filter(|definition| !definition.name.ends_with("plugin.version")) {
            let mut found = resolved.get(&*definition.name).map(|value| definition.problems(value)).unwrap_or_default();
            // The key's reader has told it in better words.
            if known.iter().any(|problem| problem.key == definition.name) {
                found.pop();
            }
            problems.extend(found);
        }
        placeholder::conceal(&mut problems, &draft.properties, &resolved);
        let mut add = |problem: Problem| {
            if !known.iter().chain(&problems).any(|other| other.key == problem.key) {
                problems.push(problem);
            }
        };
        if kind != Kind::Postgres && self.misses_server_id(draft) {
            add(Problem::new("database.server.id", "is required"));
        }
        if resolved
            .get("transaction.boundary")
            .is_some_and(|boundary| boundary.trim().eq_ignore_ascii_case("connector"))
        {
            add(Problem::new(
                "transaction.boundary",
                "must be poll or interval: no connector here has boundaries of its own",
            ));
        }
        for (key, value) in &draft.properties {
            if is_masked(key, value) {
                let reason = format!("holds {MASK}, which only stands where a secret is shown; write the secret");
                add(Problem::new(key, reason));
            }
        }
        for null in &draft.nulls {
            add(Problem::new(null, "Null value can not be supplied as the configuration value."));
        }
        problems
    }

    /// Debezium's MySQL connectors insist on a server id. A file may leave it out here, and a connector that does not have one
    /// need not get one; who makes a new one over the API is told as by Debezium.
    fn misses_server_id(&self, draft: &Draft) -> bool {
        let name = draft.properties.get("name").map(String::as_str).unwrap_or_default();
        let known = self.entries.get(name).and_then(|entry| entry.config());
        let misses =
            |properties: &Properties| properties.get("database.server.id").is_none_or(|id| id.trim().is_empty());
        misses(&draft.properties) && !known.is_some_and(|known| misses(&known))
    }
}

/// Whether a value is what a secret is shown as.
fn is_masked(key: &str, value: &str) -> bool {
    let in_address = format!(":{MASK}@");
    if is_secret_name(key) { value == MASK } else { value.contains(&in_address) }
}

/// Why the database was not reached.
async fn unreached(reach: BoxFuture<'static, Result<(), SourceError>>) -> Option<Problem> {
    let reason = match tokio::time::timeout(REACH_LIMIT, reach).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the database gave no answer within {} s", REACH_LIMIT.as_secs()),
    };
    Some(Problem::new("database.hostname", format!("{UNREACHED}{reason}")))
}
