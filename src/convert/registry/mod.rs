//! A schema registry: Confluent's REST API, as Confluent's and Apicurio's registries answer it
//! (<https://docs.confluent.io/platform/current/schema-registry/develop/api.html>).
//!
//! It owns ids: which id a schema has, under which subject, and whether the subject's compatibility takes it. It knows no
//! format; a schema is text. Invariant: a schema is registered only after the registry found it compatible.

mod apicurio;
mod cache;
mod client;
mod error;
mod explain;
mod options;
mod patience;
mod subject;
mod tls;

#[cfg(test)]
pub(in crate::convert) mod fake;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod option_tests;
#[cfg(test)]
mod schema_tests;

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use crate::config::{Key, Properties, Reader, Warning};
use crate::metrics::Meters;
use cache::Cache;
use client::{Answer, Call, Client, unexpected};
pub use error::{RegistryError, fields};
use options::{Habits, Options, Pace};
pub use subject::{LEVELS, level};

pub(super) use apicurio::{APICURIO_KEYS, translate as translate_apicurio};

/// Which language a schema is written in: the API's `schemaType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaType {
    /// Apache Avro, the API's default.
    Avro,
    /// JSON Schema.
    Json,
}

/// A schema, as a registry takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its language.
    pub kind: SchemaType,
    /// Its text.
    pub text: String,
    /// The full name of its record; `None` when it is none.
    pub name: Option<String>,
}

/// A schema that a registry has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its id, unique in the registry.
    pub id: i32,
    /// Its version in the subject, as far as the registry told.
    pub version: Option<i32>,
    /// Its text.
    pub text: String,
}

/// What registering a schema would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The subject would be new.
    New,
    /// It is registered already.
    Unchanged {
        /// Its version.
        version: Option<i32>,
        /// Its id.
        id: i32,
    },
    /// It would be the next version.
    Compatible {
        /// The latest version there is.
        against: Option<i32>,
    },
    /// The subject's compatibility does not allow it.
    Incompatible {
        /// The latest version there is.
        against: Option<i32>,
        /// The level in force.
        level: Option<String>,
        /// The registry's explanation; if it gives none, ours.
        messages: Vec<String>,
    },
}

/// The registries of a connector: converters with the same options for one share its client and what is known of it.
#[derive(Default)]
pub struct Registries(Vec<(Properties, Arc<Shared>)>);

/// What the converters of a connector share.
struct Shared {
    client: Client,
    pace: Pace,
    cache: Cache,
}

/// A registry, as one converter uses it.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    habits: Habits,
    /// Whether one that is away is waited for.
    waits: bool,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("url", &self.url()).field("habits", &self.habits).finish_non_exhaustive()
    }
}

/// The lists of options that [`Registry::read`] reads.
pub(super) const KEYS: [&[Key]; 3] = [options::CLIENT_KEYS, options::SUBJECT_KEYS, tls::KEYS];

impl Registry {
    /// Counts its calls there, from now on.
    pub fn observe(&self, meters: &Arc<Meters>) {
        self.shared.client.observe(meters);
    }

    /// The registry of a converter's options; a client is made, or found among the others. `more` are the format's options,
    /// which `read` knows already. After a problem, which is the reader's, there is none.
    pub(super) fn read(
        read: &mut Reader<'_>,
        given: &Properties,
        is_key: bool,
        others: &mut Registries,
        warnings: &mut Vec<Warning>,
    ) -> Option<Self> {
        let Options { connection, pace, habits } = options::read(read, given, is_key, warnings)?;
        if connection.endpoints.is_empty() {
            return None;
        }
        let identity = options::of_client(given);
        if let Some((_, shared)) = others.0.iter().find(|(known, _)| *known == identity) {
            return Some(Self { shared: Arc::clone(shared), habits, waits: true });
        }
        let client = Client::new(connection).map_err(|reason| read.problem("proxy.host", None, &reason)).ok()?;
        let shared = Arc::new(Shared { client, pace, cache: Cache::default() });
        others.0.push((identity, Arc::clone(&shared)));
        Some(Self { shared, habits, waits: true })
    }

    /// From now on one that is away is not waited for.
    pub(super) const fn ask_once(&mut self) {
        self.waits = false;
    }

    /// Warnings of options that mean nothing to a converter with these keys of its format.
    pub(super) fn unknown(given: &Properties, format: &[Key]) -> Vec<Warning> {
        options::unknown(given, format)
    }

    #[cfg(test)]
    pub(super) fn shares_client_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The address that answered last, without credentials.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.client.url()
    }

    /// `auto.register.schemas`: whether a schema that is not there is registered when a record has it.
    #[must_use]
    pub const fn registers(&self) -> bool {
        self.habits.auto_register
    }

    /// The subject of a topic's schema, by `….subject.name.strategy`; `record` is the name of its record.
    ///
    /// # Errors
    /// A strategy that needs a record's name, and there is none.
    pub fn subject(&self, topic: &str, record: Option<&str>) -> Result<String, String> {
        self.habits.strategy.subject(topic, self.habits.is_key, record)
    }

    /// The schema in the subject, if it is registered there: `POST /subjects/{subject}`.
    ///
    /// # Errors
    /// When the registry does not answer, or not with that.
    pub async fn lookup(&self, subject: &str, schema: &Definition) -> Result<Option<Registered>, RegistryError> {
        let path = ["subjects", subject];
        let call = Call { query: self.normalize(), ..Call::post(&path, subject, body(schema)) };
        self.registered(&call, &schema.text).await
    }

    /// The subject's latest version: `GET /subjects/{subject}/versions/latest`.
    ///
    /// # Errors
    /// When the registry does not answer, or not with that.
    pub async fn latest(&self, subject: &str) -> Result<Option<Registered>, RegistryError> {
        self.registered(&Call::get(&["subjects", subject, "versions", "latest"], subject), "").await
    }

    /// The text of a schema, by its id: `GET /schemas/ids/{id}`.
    ///
    /// # Errors
    /// When the registry does not answer, or not with that.
    pub async fn by_id(&self, id: i32, subject: &str) -> Result<Option<Registered>, RegistryError> {
        let number = id.to_string();
        let path = ["schemas", "ids", number.as_str()];
        match self.send(&Call::get(&path, subject)).await? {
            Answer::Missing(_) => Ok(None),
            Answer::Done(json) if json["schema"].is_string() => {
                let text = json["schema"].as_str().unwrap_or_default().to_owned();
                Ok(Some(Registered { id, version: None, text }))
            }
            answer => Err(unexpected(&self.url(), subject, &answer)),
        }
    }

    /// What registering the schema would do; nothing is changed. Where the registry refuses without a reason, the reason is
    /// found here.
    ///
    /// # Errors
    /// When the registry does not answer, or not with that.
    pub async fn check(&self, subject: &str, schema: &Definition) -> Result<Verdict, RegistryError> {
        let (verdict, latest) = self.examine(subject, schema).await?;
        Ok(match verdict {
            Verdict::Incompatible { against, level, mut messages } => {
                if messages.is_empty() {
                    messages = explain::difference(schema, &latest, level.as_deref());
                }
                name_fields(&mut messages, schema, &latest);
                if messages.is_empty() {
                    let level = level.as_deref().unwrap_or("its level");
                    messages
                        .push(format!("the latest version agrees, an earlier one does not, and {level} asks for all"));
                }
                Verdict::Incompatible { against, level, messages }
            }
            verdict => verdict,
        })
    }

    /// Registers the schema, if it is new and the subject's compatibility allows it. A subject that is new gets the level of
    /// `schema.compatibility`.
    ///
    /// # Errors
    /// A schema that is not compatible; when the registry does not answer, or not with that.
    pub async fn register(&self, subject: &str, schema: &Definition) -> Result<Registered, RegistryError> {
        let (verdict, latest) = self.examine(subject, schema).await?;
        match verdict {
            Verdict::Unchanged { version, id } => Ok(Registered { id, version, text: schema.text.clone() }),
            Verdict::New => {
                let early = self.set_level(subject).await?;
                let registered = self.post(subject, schema, None, &latest).await?;
                if !early {
                    self.set_level(subject).await?;
                }
                tracing::info!(subject, id = registered.id, "made a subject in the schema registry");
                Ok(registered)
            }
            Verdict::Incompatible { against, level, mut messages } if !messages.is_empty() => {
                name_fields(&mut messages, schema, &latest);
                let (url, subject) = (self.url(), subject.to_owned());
                Err(RegistryError::Incompatible { url, subject, against, level, messages })
            }
            // Apicurio's check gives no reason, its refusal does.
            Verdict::Compatible { against } | Verdict::Incompatible { against, .. } => {
                let registered = self.post(subject, schema, against, &latest).await?;
                tracing::info!(subject, id = registered.id, "registered a new version in the schema registry");
                Ok(registered)
            }
        }
    }

    /// The verdict, with nothing but the registry's own words, and the text of the subject's latest schema.
    async fn examine(&self, subject: &str, schema: &Definition) -> Result<(Verdict, String), RegistryError> {
        if let Some(Registered { id, version, text }) = self.lookup(subject, schema).await? {
            return Ok((Verdict::Unchanged { version, id }, text));
        }
        let Some(latest) = self.latest(subject).await? else { return Ok((Verdict::New, String::new())) };
        let against = latest.version;
        let verdict = match self.is_compatible(subject, schema).await? {
            None => Verdict::New,
            Some((true, _)) => Verdict::Compatible { against },
            Some((false, messages)) => {
                let level = self.level(subject).await?;
                match self.looks_at_latest_only(subject, schema, level.as_deref()).await? {
                    Some(true) => Verdict::Compatible { against },
                    _ => Verdict::Incompatible { against, level, messages },
                }
            }
        };
        Ok((verdict, latest.text))
    }

    /// `POST /subjects/{subject}/versions`
    async fn post(
        &self,
        subject: &str,
        schema: &Definition,
        against: Option<i32>,
        latest: &str,
    ) -> Result<Registered, RegistryError> {
        let path = ["subjects", subject, "versions"];
        let call = Call { query: self.normalize(), ..Call::post(&path, subject, body(schema)) };
        match self.send(&call).await? {
            // Another one was registered since the check, or the registry checks more than it says.
            Answer::Conflict(said) => {
                let (url, level) = (self.url(), self.level(subject).await?);
                let (subject, mut messages) = (subject.to_owned(), vec![said]);
                name_fields(&mut messages, schema, latest);
                Err(RegistryError::Incompatible { url, subject, against, level, messages })
            }
            Answer::Done(json) => {
                registered(&json, &schema.text).ok_or_else(|| unexpected(&self.url(), subject, &Answer::Done(json)))
            }
            answer => Err(unexpected(&self.url(), subject, &answer)),
        }
    }

    /// `POST /compatibility/subjects/{subject}/versions?verbose=true`: against the versions that the subject's level asks
    /// for. `None` when the subject has no version.
    async fn is_compatible(
        &self,
        subject: &str,
        schema: &Definition,
    ) -> Result<Option<(bool, Vec<String>)>, RegistryError> {
        let mut query = vec![("verbose", "true")];
        query.extend_from_slice(self.normalize());
        let all = ["compatibility", "subjects", subject, "versions"];
        let call = Call { query: &query, ..Call::post(&all, subject, body(schema)) };
        let mut answer = self.send(&call).await?;
        if matches!(answer, Answer::NoSuchCall) {
            // Before version 6.0 Confluent's checks one version only.
            let latest = ["compatibility", "subjects", subject, "versions", "latest"];
            answer = self.send(&Call { path: &latest, ..call }).await?;
        }
        match answer {
            Answer::Missing(_) => Ok(None),
            Answer::Done(json) if json["is_compatible"].is_boolean() => {
                let messages = json["messages"].as_array().into_iter().flatten();
                let messages = messages.filter_map(|message| message.as_str().map(str::to_owned)).collect();
                Ok(Some((json["is_compatible"] == Value::Bool(true), messages)))
            }
            answer => Err(unexpected(&self.url(), subject, &answer)),
        }
    }

    /// Apicurio's check looks at all versions, whatever the level. Where the level is not transitive, whether the schema is
    /// compatible with the latest one is what counts. `None`: all versions count.
    async fn looks_at_latest_only(
        &self,
        subject: &str,
        schema: &Definition,
        level: Option<&str>,
    ) -> Result<Option<bool>, RegistryError> {
        if !matches!(level, Some("BACKWARD" | "FORWARD" | "FULL")) {
            return Ok(None);
        }
        let latest = ["compatibility", "subjects", subject, "versions", "latest"];
        match self.send(&Call { query: self.normalize(), ..Call::post(&latest, subject, body(schema)) }).await? {
            Answer::Done(json) => Ok(json["is_compatible"].as_bool()),
            _ => Ok(None),
        }
    }

    /// The level in force: the subject's own, else the registry's. Only explanations need it.
    async fn level(&self, subject: &str) -> Result<Option<String>, RegistryError> {
        for path in [&["config", subject][..], &["config"][..]] {
            if let Answer::Done(json) = self.send(&Call::get(path, subject)).await?
                && let Some(level) = json["compatibilityLevel"].as_str()
            {
                return Ok(Some(level.to_owned()));
            }
        }
        Ok(None)
    }

    /// `PUT /config/{subject}`, if a level is asked for. Confluent's sets it before the subject has a version, and so does
    /// Apicurio's, but for `NONE`: then the answer is false, and it is to be done again.
    async fn set_level(&self, subject: &str) -> Result<bool, RegistryError> {
        let Some(level) = &self.habits.level else { return Ok(true) };
        let body = json!({"compatibility": level});
        let path = ["config", subject];
        let call = Call { method: Method::PUT, ..Call::post(&path, subject, body) };
        match self.send(&call).await? {
            Answer::Done(_) => Ok(true),
            Answer::Missing(_) => Ok(false),
            answer => Err(unexpected(&self.url(), subject, &answer)),
        }
    }

    async fn registered(&self, call: &Call<'_>, ours: &str) -> Result<Option<Registered>, RegistryError> {
        match self.send(call).await? {
            Answer::Missing(_) => Ok(None),
            Answer::Done(json) => match registered(&json, ours) {
                Some(registered) => Ok(Some(registered)),
                None => Err(unexpected(&self.url(), call.subject, &Answer::Done(json))),
            },
            answer => Err(unexpected(&self.url(), call.subject, &answer)),
        }
    }

    async fn send(&self, call: &Call<'_>) -> Result<Answer, RegistryError> {
        self.shared.client.send(call).await
    }

    const fn normalize(&self) -> &'static [(&'static str, &'static str)] {
        if self.habits.normalize { &[("normalize", "true")] } else { &[] }
    }
}

/// Adds which fields differ, if the registry names none.
fn name_fields(messages: &mut Vec<String>, schema: &Definition, latest: &str) {
    if fields(messages).is_empty() {
        messages.extend(explain::changed_fields(schema, latest));
    }
}

/// The body that a schema is sent in. The type is left out where it is the default: older registries do not know it.
fn body(schema: &Definition) -> Value {
    match schema.kind {
        SchemaType::Avro => json!({"schema": schema.text}),
        SchemaType::Json => json!({"schema": schema.text, "schemaType": "JSON"}),
    }
}

/// `{"id":1,"version":2,"schema":"…"}`; only the id must be there.
fn registered(json: &Value, ours: &str) -> Option<Registered> {
    let number = |name: &str| json[name].as_i64().and_then(|number| i32::try_from(number).ok());
    let text = json["schema"].as_str().unwrap_or(ours).to_owned();
    Some(Registered { id: number("id")?, version: number("version"), text })
}
