//! Makes the nodes of a tree, and remembers where they stand in the text.

use std::collections::BTreeMap;

use cel::IdedExpr;
use cel::common::ast::operators::{CONDITIONAL, EQUALS, IN, LOGICAL_NOT, NOT_EQUALS};
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr};
use fancy_regex::Regex;

use super::super::bind::SAFE;
use super::super::{Fault, functions};

/// What is made while an expression is parsed.
#[derive(Default)]
pub(super) struct Nodes {
    /// The characters at which the nodes stand.
    pub(super) positions: BTreeMap<u64, usize>,
    pub(super) patterns: Vec<Regex>,
    latest: u64,
    doubled: usize,
}

/// Each doubling may double the whole tree.
const DOUBLED_MAX: usize = 8;

impl Nodes {
    pub(super) fn node(&mut self, at: usize, expr: Expr) -> IdedExpr {
        self.latest += 1;
        self.positions.insert(self.latest, at);
        IdedExpr { id: self.latest, expr }
    }

    pub(super) fn literal(&mut self, at: usize, literal: LiteralValue) -> IdedExpr {
        self.node(at, Expr::Literal(literal))
    }

    pub(super) fn call(&mut self, at: usize, function: &str, args: Vec<IdedExpr>) -> IdedExpr {
        self.node(at, Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args }))
    }

    /// A call of one of CEL's methods.
    pub(super) fn method(&mut self, at: usize, target: IdedExpr, name: &str, argument: IdedExpr) -> IdedExpr {
        let target = Some(Box::new(target));
        self.node(at, Expr::Call(CallExpr { func_name: name.to_owned(), target, args: vec![argument] }))
    }

    pub(super) fn field(&mut self, at: usize, of: IdedExpr, name: &str, safe: bool) -> IdedExpr {
        if safe {
            let name = self.literal(at, LiteralValue::String(name.to_owned().into()));
            return self.call(at, SAFE, vec![of, name]);
        }
        self.node(at, Expr::Select(SelectExpr { operand: Box::new(of), field: name.to_owned(), test: false }))
    }

    /// The value as Groovy takes it for true or false.
    pub(super) fn truth(&mut self, value: IdedExpr) -> IdedExpr {
        if is_boolean(&value.expr) {
            return value;
        }
        let at = self.positions.get(&value.id).copied().unwrap_or_default();
        self.call(at, functions::TRUTH, vec![value])
    }

    /// The operands of `||` (`decides`: true) or `&&` (false): tried in turn until one decides. Halved again and again, so that
    /// a long row of them is no deep tree.
    pub(super) fn in_turn(&mut self, at: usize, mut operands: Vec<IdedExpr>, decides: bool) -> IdedExpr {
        let later = operands.split_off(operands.len().div_ceil(2));
        if later.is_empty() {
            return operands.pop().unwrap_or_default();
        }
        let (first, second) = (self.in_turn(at, operands, decides), self.in_turn(at, later, decides));
        let (first, second) = (self.truth(first), self.truth(second));
        let decided = self.literal(at, LiteralValue::Boolean(decides.into()));
        let (then, otherwise) = if decides { (decided, second) } else { (second, decided) };
        self.call(at, CONDITIONAL, vec![first, then, otherwise])
    }

    /// A copy of what stands twice in the tree: before `?:`, and before `?.` with a call.
    pub(super) fn double(&mut self, at: usize, node: &IdedExpr) -> Result<IdedExpr, Fault> {
        self.doubled += 1;
        if self.doubled > DOUBLED_MAX {
            return Err(Fault::new(at, "there may be 8 of ?: and of calls behind ?. in an expression"));
        }
        Ok(node.clone())
    }

    /// `target?.call()`
    pub(super) fn unless_null(&mut self, at: usize, target: IdedExpr, call: IdedExpr) -> IdedExpr {
        let (null, none) = (self.literal(at, LiteralValue::Null), self.literal(at, LiteralValue::Null));
        let is_null = self.call(at, EQUALS, vec![target, null]);
        self.call(at, CONDITIONAL, vec![is_null, none, call])
    }

    /// The function that matches with a pattern.
    pub(super) fn pattern(&mut self, at: usize, pattern: &str, whole: bool) -> Result<String, Fault> {
        let regex = if whole { Regex::new(&format!("^(?:{pattern})$")) } else { Regex::new(pattern) };
        let regex = regex.map_err(|error| Fault::new(at, format!("is no regular expression: {error}")))?;
        self.patterns.push(regex);
        Ok(functions::pattern(self.patterns.len() - 1))
    }
}

/// Whether it cannot be anything but true or false.
fn is_boolean(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(literal) => matches!(literal, LiteralValue::Boolean(_)),
        Expr::Call(call) => match (call.func_name.as_str(), &call.args[..]) {
            (CONDITIONAL, [_, then, otherwise]) => is_boolean(&then.expr) && is_boolean(&otherwise.expr),
            (
                EQUALS
                | NOT_EQUALS
                | IN
                | LOGICAL_NOT
                | functions::TRUTH
                | functions::CONTAINS
                | functions::EQUALS_IGNORE_CASE
                | "startsWith"
                | "endsWith"
                | "@is_empty",
                _,
            ) => true,
            (name, _) => {
                name.starts_with("@matches") || functions::COMPARISONS.iter().any(|(_, function)| *function == name)
            }
        },
        _ => false,
    }
}
