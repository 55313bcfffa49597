//! The contract: which schemas a connector's records have, known before there is a record.
//!
//! Owns the walk of neutral rows through the line itself ([`sample`], [`Records`], the connector's own transforms): what
//! comes out has the topics and the schemas that rows will have. Nothing is imitated, so nothing can differ.
//! Limits: a topic that depends on the values of rows is told as such; so is a table whose rows the transforms drop.

pub mod report;
mod sample;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::data::{Datum, Schema, Value};
use crate::event::{Event, Op};
use crate::record::{Record, Records};
use crate::source::common::Common;
use crate::source::describe::{Described, Description};
use crate::transform::{self, Transform, TransformError};
pub(super) use sample::Names;
use sample::Sample;

/// Which part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its key.
    Key,
    /// Its value.
    Value,
}

impl Part {
    /// As reports name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

/// A schema that records of a topic have.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Of what: a table's whole name, or `heartbeats` and the like.
    pub origin: String,
    /// The records' topic.
    pub topic: Arc<str>,
    /// Where in the record.
    pub part: Part,
    /// The schema.
    pub schema: Arc<Schema>,
    /// A value of it, in which only names are true.
    pub value: Value,
}

/// What would stop the connector, or cannot be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Of what, as in [`Clause::origin`].
    pub origin: String,
    /// What it is.
    pub reason: String,
}

/// The schemas of a connector's records.
#[derive(Debug, Default)]
pub struct Contract {
    /// Each once, in the order of the tables.
    pub clauses: Vec<Clause>,
    /// What would stop the connector.
    pub refused: Vec<Remark>,
    /// What cannot be known beforehand.
    pub unknown: Vec<Remark>,
}

/// What becomes of the records of an event, one after the other: `None` is dropped.
type Outcomes = Vec<Result<Option<Record>, TransformError>>;

/// A line that neutral rows walk.
pub(super) struct Walk {
    records: Records,
    transforms: Vec<Box<dyn Transform>>,
    names: Names,
    contract: Contract,
}

impl Walk {
    pub(super) fn new(records: Records, transforms: Vec<Box<dyn Transform>>, names: Names) -> Self {
        Self { records, transforms, names, contract: Contract::default() }
    }

    /// The contract of these tables, and of what else the connector tells.
    pub(super) fn contract(mut self, description: &Description, common: &Common) -> Contract {
        for table in &description.tables {
            self.table(table, common);
        }
        for own in &description.own {
            self.told(&own.topic, |sample| sample.own(own));
        }
        if common.transactions {
            self.told("transactions", Sample::boundary);
        }
        if common.heartbeat_ms > 0 {
            self.told("heartbeats", Sample::heartbeat);
        }
        self.contract
    }

    fn table(&mut self, table: &Described, common: &Common) {
        let forms = match &table.forms {
            Ok(forms) => forms,
            Err(error) => {
                self.contract.refused.push(Remark { origin: table.name.clone(), reason: error.to_string() });
                return;
            }
        };
        let mut found = Found::default();
        for form in forms {
            let ops = [Op::Create, Op::Update, Op::Delete, Op::Read, Op::Truncate];
            for op in ops.into_iter().filter(|op| !common.skips(*op)) {
                for sparse in [false, true] {
                    let [one, other] =
                        [false, true].map(|other| Sample { other, sparse }.change(form, op, &self.names));
                    found.compare(self.outcomes(one), self.outcomes(other));
                }
            }
        }
        self.keep(&table.name, found);
    }

    /// Records that belong to no table.
    fn told(&mut self, origin: &str, event: impl Fn(Sample) -> Event) {
        let mut found = Found::default();
        let event = |other| event(Sample { other, sparse: false });
        found.compare(self.outcomes(event(false)), self.outcomes(event(true)));
        self.keep(origin, found);
    }

    fn outcomes(&mut self, event: Event) -> Outcomes {
        let mut records = Vec::new();
        self.records.push(event, &mut records);
        records.into_iter().map(|record| transform::apply_all(&mut self.transforms, record)).collect()
    }

    fn keep(&mut self, origin: &str, found: Found) {
        let Found { records, errors, mut routed } = found;
        let remark = |reason: String| Remark { origin: origin.to_owned(), reason };
        for record in &records {
            self.clause(origin, record, Part::Key, record.key.as_ref());
            self.clause(origin, record, Part::Value, record.value.as_ref());
        }
        routed.sort_unstable();
        routed.dedup();
        if !routed.is_empty() {
            let reason =
                format!("the topic depends on the row's values, so its subjects are not known: {}", routed.join(", "));
            self.contract.unknown.push(remark(reason));
        }
        // A transform that looks at values may refuse a neutral one and take those that there are; where nothing comes out,
        // or a field is missing, rows would fare no better.
        let missing = |error: &TransformError| matches!(error, TransformError::MissingField { .. });
        let nothing = records.is_empty();
        let mut reasons: Vec<String> =
            errors.iter().filter(|error| nothing || missing(error)).map(ToString::to_string).collect();
        reasons.dedup();
        if nothing && reasons.is_empty() && routed.is_empty() {
            self.contract.unknown.push(remark("the transforms drop a row of neutral values".to_owned()));
        }
        self.contract.refused.extend(reasons.into_iter().take(1).map(remark));
    }

    /// A null has no schema to a registry, whatever its schema is.
    fn clause(&mut self, origin: &str, record: &Record, part: Part, datum: Option<&Datum>) {
        let Some(Datum { schema, value }) = datum.filter(|datum| !datum.value.is_null()) else { return };
        let known = |clause: &Clause| clause.part == part && clause.topic == record.topic && clause.schema == *schema;
        if !self.contract.clauses.iter().any(known) {
            let (topic, schema, value) = (Arc::clone(&record.topic), Arc::clone(schema), value.clone());
            self.contract.clauses.push(Clause { origin: origin.to_owned(), topic, part, schema, value });
        }
    }
}

/// What became of pairs of records that differ in nothing but their values.
#[derive(Default)]
struct Found {
    records: Vec<Record>,
    errors: Vec<TransformError>,
    /// Topics that were another for another value.
    routed: Vec<String>,
}

impl Found {
    fn compare(&mut self, one: Outcomes, other: Outcomes) {
        for pair in one.into_iter().zip(other) {
            match pair {
                (Ok(Some(one)), Ok(Some(other))) if one.topic != other.topic => {
                    self.routed.extend([one.topic.to_string(), other.topic.to_string()]);
                }
                (one, other) => {
                    for outcome in [one, other] {
                        match outcome {
                            Ok(record) => self.records.extend(record),
                            Err(error) => self.errors.push(error),
                        }
                    }
                }
            }
        }
    }
}
