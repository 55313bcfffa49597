//! Expressions over records: a condition or a topic, in CEL or in the part of Groovy that conditions are written in.
//!
//! Both languages become the syntax tree of the `cel` crate, and that crate evaluates it. Invariant: what a tree says of the
//! record stands in it as slots ([`slot`]), bound when the expression is compiled and found once per schema; only what an
//! expression asks for is converted, and only when it is asked for.

mod bind;
mod convert;
mod functions;
mod groovy;
mod slot;

#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::common::types::{CelBool, CelNull, CelString};
use cel::{Context, ExecutionError, IdedExpr, Program, Value};

use super::TransformError;
use crate::record::Record;
use slot::{Places, Slots};

/// The languages, as `language` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// `cel`: the Common Expression Language (<https://cel.dev>).
    Cel,
    /// `jsr223.groovy`: conditions as Debezium's documentation writes them.
    Groovy,
}

/// Only what is used of it is taken.
const STACK_BYTES: usize = 64 << 20;

impl Language {
    /// The language of that name.
    ///
    /// # Errors
    /// Why it is none here, and what would be one.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name {
            "cel" => Ok(Self::Cel),
            "jsr223.groovy" => Ok(Self::Groovy),
            _ if name.starts_with("jsr223.") || name.starts_with("wasm.") => Err(
                "is not run here, there is no virtual machine; write the same expression in CEL (language=cel), or \
                     in simple Groovy (jsr223.groovy)"
                    .to_owned(),
            ),
            _ => Err("must be cel or jsr223.groovy".to_owned()),
        }
    }
}

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The character at which it shows, from 0.
    pub(super) at: usize,
    /// What is wrong, and what would be right.
    pub(super) reason: String,
}

impl Fault {
    fn new(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into() }
    }

    /// What to say of the expression.
    pub(super) fn describe(&self, text: &str) -> String {
        let before: Vec<char> = text.chars().take(self.at).collect();
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        let column = before.iter().rev().take_while(|c| **c != '\n').count() + 1;
        let rest: String = text.chars().skip(self.at).take_while(|c| *c != '\n').take(20).collect();
        let rest = if rest.is_empty() { "the end".to_owned() } else { format!("{rest:?}") };
        format!("line {line}, column {column}, at {rest}: {}", self.reason)
    }
}

/// What an expression says of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Null,
    Bool(bool),
    Text(String),
    /// Something else: the name of its type.
    Other(String),
}

/// An expression that can be evaluated.
pub(super) struct Expression {
    tree: IdedExpr,
    slots: Slots,
    /// The functions; variables are in a scope of their own for each record.
    context: Context<'static, 'static>,
}

/// A tree before it is bound: where its nodes stand in the text, and the patterns it matches with.
struct Parsed {
    tree: IdedExpr,
    positions: BTreeMap<u64, usize>,
    patterns: Vec<fancy_regex::Regex>,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it does not parse, or asks for what there is not.
    pub(super) fn compile(language: Language, text: &str) -> Result<Self, Fault> {
        // Parsers go down with what is nested: as far as their own limits, which need more stack than a thread may have.
        std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().name("expression".to_owned()).stack_size(STACK_BYTES);
            let compiling = builder.spawn_scoped(scope, || Self::compile_here(language, text));
            let compiling =
                compiling.map_err(|error| Fault::new(0, format!("there is no thread to read it: {error}")))?;
            compiling.join().unwrap_or_else(|_| Err(Fault::new(0, "cannot be read")))
        })
    }

    fn compile_here(language: Language, text: &str) -> Result<Self, Fault> {
        let Parsed { mut tree, positions, patterns } = match language {
            Language::Cel => parse_cel(text)?,
            Language::Groovy => groovy::parse(text)?,
        };
        let slots = bind::bind(&mut tree, &positions)?;
        Ok(Self { tree, slots: Slots::new(slots), context: functions::context(patterns) })
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// Why it says nothing of this record: a field that is not there, a null on the way to a field, operands of types that
    /// do not go together.
    pub(super) fn evaluate(&mut self, record: &Record) -> Result<Outcome, String> {
        let places: Places<'_> = self.slots.places(record);
        let mut scope = self.context.new_inner_scope();
        scope.set_variable_resolver(&places);
        let value = match Value::resolve_val(&self.tree, &scope) {
            Ok(value) => value,
            Err(ExecutionError::UndeclaredReference(name)) => {
                return Err(places.why_not(&name).unwrap_or_else(|| format!("there is no {name:?}")));
            }
            Err(ExecutionError::FunctionError { function, message }) => return Err(format!("{function}: {message}")),
            Err(error) => return Err(error.to_string()),
        };
        Ok(if let Some(truth) = value.downcast_ref::<CelBool>() {
            Outcome::Bool(*truth.inner())
        } else if let Some(text) = value.downcast_ref::<CelString<'_>>() {
            Outcome::Text(text.inner().to_owned())
        } else if value.downcast_ref::<CelNull>().is_some() {
            Outcome::Null
        } else {
            Outcome::Other(value.get_type().name().to_owned())
        })
    }
}

fn parse_cel(text: &str) -> Result<Parsed, Fault> {
    let program = Program::compile(text).map_err(|errors| {
        // What is incomplete after a syntax error follows from it, and stands before it.
        let follows = |error: &cel::ParseError| !error.msg.starts_with("Syntax error");
        let first = errors.errors.into_iter().min_by_key(|error| (follows(error), error.pos));
        let (pos, reason) = first.map_or(((1, 1), "does not parse".to_owned()), |error| (error.pos, error.msg));
        Fault::new(offset_of(text, pos), reason)
    })?;
    let info = program.source_info();
    let mut positions = BTreeMap::new();
    // Nodes are numbered from 1, without large gaps.
    let mut unknown = 0;
    for id in 0.. {
        match info.offset_for(id) {
            Some((start, _)) => drop(positions.insert(id, start as usize)),
            None if unknown > 1000 => break,
            None => unknown += 1,
        }
    }
    Ok(Parsed { tree: program.expression().clone(), positions, patterns: Vec::new() })
}

/// The character at a line and a column, both from 1.
fn offset_of(text: &str, (line, column): (isize, isize)) -> usize {
    let earlier = usize::try_from(line - 1).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(earlier).map(|line| line.chars().count()).sum();
    before + usize::try_from(column - 1).unwrap_or(0)
}

/// The error of a transform whose expression failed.
pub(super) fn unsuitable(name: &Arc<str>, record: &Record, reason: String) -> TransformError {
    TransformError::Unsuitable { transform: Arc::clone(name), topic: Arc::clone(&record.topic), reason }
}
