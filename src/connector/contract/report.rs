//! What a registry says of a contract, subject by subject.
//!
//! Owns which schemas are one claim, and that nothing is registered before all of them were found compatible; what a
//! subject is, and what is compatible, the converters and the registry know. Invariant: examining changes nothing.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;

use super::{Clause, Contract, Part, Remark};
use crate::convert::registry::{Definition, Registered, RegistryError, Verdict};
use crate::convert::{Converter, Converters, Framed};
use crate::data::Datum;

/// Questions to a registry at a time.
const QUESTIONS_MAX: usize = 8;

/// What a schema is to its registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where it is registered.
    pub subject: String,
    /// How it is written there.
    pub definition: Definition,
}

/// A schema under a subject.
#[derive(Debug)]
pub struct Entry {
    /// Whose records have it.
    pub origins: Vec<String>,
    /// Their topics.
    pub topics: Vec<String>,
    /// Where in them.
    pub part: Part,
    /// The subject, and the schema as the registry has it.
    pub claim: Claim,
    /// What registering it would do.
    pub verdict: Verdict,
    /// What it has become, where it was registered.
    pub registered: Option<Registered>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Each schema of each subject once.
    pub entries: Vec<Entry>,
    /// What would stop the connector.
    pub refused: Vec<Remark>,
    /// What is not known, or not as it may seem.
    pub notes: Vec<Remark>,
}

impl Report {
    /// Whether the connector would go on with these tables.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let refused = |entry: &Entry| matches!(entry.verdict, Verdict::Incompatible { .. });
        self.refused.is_empty() && !self.entries.iter().any(refused)
    }
}

/// Whether any of these converters has its schemas in a registry.
#[must_use]
pub fn has_registry(converters: &Converters) -> bool {
    converters.key.framed().is_some() || converters.value.framed().is_some()
}

fn converter(converters: &Converters, part: Part) -> &Converter {
    match part {
        Part::Key => &converters.key,
        Part::Value => &converters.value,
    }
}

/// A claim that was not asked for yet.
struct Open<'a> {
    origins: Vec<String>,
    topics: Vec<String>,
    part: Part,
    framed: &'a Framed,
    claim: Claim,
}

/// Asks the registry about every schema.
///
/// # Errors
/// When it does not answer, or not with that.
pub async fn examine(contract: Contract, converters: &Converters) -> Result<Report, RegistryError> {
    let Contract { clauses, refused, unknown } = contract;
    let mut report = Report { entries: Vec::new(), refused, notes: unknown };
    let open = open(&clauses, converters, &mut report);
    let asked = stream::iter(open).map(|open| async move {
        let Open { origins, topics, part, framed, claim } = open;
        let verdict = framed.registry().check(&claim.subject, &claim.definition).await?;
        Ok(Entry { origins, topics, part, claim, verdict, registered: None })
    });
    let mut asked = Box::pin(asked.buffered(QUESTIONS_MAX));
    while let Some(entry) = asked.next().await {
        report.entries.push(entry?);
    }
    drop(asked);
    note(&mut report, converters);
    Ok(report)
}

/// The claims of the clauses, each once.
fn open<'a>(clauses: &[Clause], converters: &'a Converters, report: &mut Report) -> Vec<Open<'a>> {
    let mut claims: Vec<Open<'a>> = Vec::new();
    for clause in clauses {
        let converter = converter(converters, clause.part);
        let Some(framed) = converter.framed() else { continue };
        let datum = Datum { schema: Arc::clone(&clause.schema), value: clause.value.clone() };
        let defined = match converter.definitions(&clause.topic, &datum) {
            Ok(Some(defined)) => defined,
            Ok(None) => {
                let reason = "the schemas depend on headers, so they are not known".to_owned();
                report.notes.push(Remark { origin: clause.origin.clone(), reason });
                continue;
            }
            Err(error) => {
                report.refused.push(Remark { origin: clause.origin.clone(), reason: error.to_string() });
                continue;
            }
        };
        for (subject, definition) in defined {
            claim(&mut claims, clause, framed, Claim { subject, definition });
        }
    }
    claims
}

/// Adds a claim, or who else makes it.
fn claim<'a>(claims: &mut Vec<Open<'a>>, clause: &Clause, framed: &'a Framed, claim: Claim) {
    match claims.iter_mut().find(|known| known.part == clause.part && known.claim == claim) {
        Some(known) => {
            add(&mut known.origins, &clause.origin);
            add(&mut known.topics, &clause.topic);
        }
        None => claims.push(Open {
            origins: vec![clause.origin.clone()],
            topics: vec![clause.topic.to_string()],
            part: clause.part,
            framed,
            claim,
        }),
    }
}

fn add(list: &mut Vec<String>, entry: &str) {
    if !list.iter().any(|known| known == entry) {
        list.push(entry.to_owned());
    }
}

/// What the verdicts do not say.
fn note(report: &mut Report, converters: &Converters) {
    let entries = &report.entries;
    for (index, entry) in entries.iter().enumerate() {
        let subject = &entry.claim.subject;
        let others = |range: &[Entry]| range.iter().filter(|other| other.claim.subject == *subject).count();
        let (before, all) = (others(entries.get(..index).unwrap_or_default()), others(entries));
        if before == 0 && all > 1 {
            let reason =
                format!("{all} schemas go into it; each is held against what is registered, not against the others");
            report.notes.push(Remark { origin: subject.clone(), reason });
        }
    }
    let missing = |entry: &&Entry| matches!(entry.verdict, Verdict::New | Verdict::Compatible { .. });
    let waits = |entry: &&Entry| {
        converter(converters, entry.part).framed().is_some_and(|framed| !framed.registry().registers())
    };
    for entry in entries.iter().filter(missing).filter(waits) {
        let reason = "auto.register.schemas is false, so the connector does not register it; `schema register` does";
        report.notes.push(Remark { origin: entry.claim.subject.clone(), reason: reason.to_owned() });
    }
}

/// Registers what is new, if all of it is good; a subject that is new gets the level of `schema.compatibility`.
///
/// # Errors
/// When the registry does not answer, or not with that. What was registered before is in the report.
pub async fn register(report: &mut Report, converters: &Converters) -> Result<(), RegistryError> {
    if !report.is_good() {
        return Ok(());
    }
    report.notes.retain(|note| !report.entries.iter().any(|entry| entry.claim.subject == note.origin));
    for entry in &mut report.entries {
        if matches!(entry.verdict, Verdict::Unchanged { .. }) {
            continue;
        }
        let Some(framed) = converter(converters, entry.part).framed() else { continue };
        match framed.registry().register(&entry.claim.subject, &entry.claim.definition).await {
            Ok(registered) => {
                // Registering tells the id alone; people know versions.
                let found = match registered.version {
                    None => framed.registry().lookup(&entry.claim.subject, &entry.claim.definition).await?,
                    Some(_) => None,
                };
                entry.registered = Some(found.unwrap_or(registered));
            }
            // Another one of this contract's, or somebody's, has come between.
            Err(RegistryError::Incompatible { against, level, messages, .. }) => {
                entry.verdict = Verdict::Incompatible { against, level, messages };
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
