//! Binds a tree to records: what it says of them becomes slots, and what there is not is refused.

use std::collections::BTreeMap;

use cel::IdedExpr;
use cel::common::ast::operators::{EQUALS, INDEX, LOGICAL_NOT, NOT_EQUALS};
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};

use super::Fault;
use super::slot::{Ask, Root, Slot, Step, variable};
use crate::config::problem::did_you_mean;

/// The call that stands for `?.` in a tree: what it is taken from, and the name as a literal.
pub(super) const SAFE: &str = "?.";

/// Each level takes stack when it is evaluated.
const DEPTH_MAX: usize = 25;

const VARIABLES: &[&str] = &[
    "key",
    "value",
    "keySchema",
    "valueSchema",
    "before",
    "after",
    "op",
    "source",
    "transaction",
    "topic",
    "headers",
    "header",
];

/// CEL's standard functions, without those of times, and its names of types.
const FUNCTIONS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "uint",
    "double",
    "bytes",
    "bool",
    "type",
    "dyn",
    "max",
    "min",
];
const TYPES: &[&str] = &["int", "uint", "double", "string", "bytes", "bool", "list", "map", "null_type", "type"];

/// Binds a tree; gives its slots, in the order of their numbers.
///
/// # Errors
/// A variable, a function or a form that there is not.
pub(super) fn bind(tree: &mut IdedExpr, positions: &BTreeMap<u64, usize>) -> Result<Vec<Slot>, Fault> {
    let mut binder = Binder { positions, slots: Vec::new(), bound: Vec::new() };
    binder.bind(tree, 0)?;
    Ok(binder.slots)
}

struct Binder<'p> {
    positions: &'p BTreeMap<u64, usize>,
    slots: Vec<Slot>,
    /// The variables of the macros around (`exists(x, …)`).
    bound: Vec<String>,
}

impl Binder<'_> {
    fn bind(&mut self, node: &mut IdedExpr, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(self.fault(node, "is nested too deeply"));
        }
        if let Some(slot) = self.slot(node)? {
            node.expr = self.variable(slot);
            return Ok(());
        }
        let at = self.at(node);
        match &mut node.expr {
            Expr::Call(call) => self.bind_call(at, call, depth)?,
            Expr::Comprehension(comprehension) => self.bind_comprehension(comprehension, depth)?,
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
            Expr::Select(select) => self.bind(&mut select.operand, depth + 1)?,
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.bind(element, depth + 1)?;
                }
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.bind(&mut entry.key, depth + 1)?;
                        self.bind(&mut entry.value, depth + 1)?;
                    }
                }
            }
            Expr::Struct(_) => return Err(self.fault(node, "messages cannot be made here")),
        }
        // Comparisons with null ask only whether a value is there: what it is need not be converted.
        if let Expr::Call(call) = &mut node.expr
            && let Some(test) = self.null_test(call)
        {
            node.expr = test;
        }
        Ok(())
    }

    fn bind_call(&mut self, at: usize, call: &mut CallExpr, depth: usize) -> Result<(), Fault> {
        let name = call.func_name.as_str();
        let known = name.starts_with(['_', '@', '!', '-']) || FUNCTIONS.contains(&name);
        if !known {
            let meant = did_you_mean(name, FUNCTIONS.iter().copied());
            return Err(Fault::new(at, format!("there is no function {name:?}{meant}")));
        }
        if let Some(target) = &mut call.target {
            self.bind(target, depth + 1)?;
        }
        call.args.iter_mut().try_for_each(|argument| self.bind(argument, depth + 1))
    }

    fn bind_comprehension(&mut self, of: &mut ComprehensionExpr, depth: usize) -> Result<(), Fault> {
        self.bind(&mut of.iter_range, depth + 1)?;
        self.bind(&mut of.accu_init, depth + 1)?;
        let outside = self.bound.len();
        self.bound.extend([of.iter_var.clone(), of.accu_var.clone()]);
        self.bound.extend(of.iter_var2.clone());
        for part in [&mut of.loop_cond, &mut of.loop_step, &mut of.result] {
            self.bind(part, depth + 1)?;
        }
        self.bound.truncate(outside);
        Ok(())
    }

    /// The place that a node names, asked for its value; of `has(…)`, whether it is there.
    fn slot(&self, node: &IdedExpr) -> Result<Option<Slot>, Fault> {
        let (path, ask) = match &node.expr {
            Expr::Select(select) if select.test => {
                let mut path = self.path(&select.operand)?;
                if let Some(path) = &mut path {
                    path.steps.push(Step { name: select.field.clone(), safe: false });
                }
                (path, Ask::IsSet)
            }
            _ => (self.path(node)?, Ask::Value),
        };
        let Some(Slot { root, steps, shown, .. }) = path else { return Ok(None) };
        let slot = match (root, steps.split_first()) {
            (Root::Topic, Some(_)) => return Err(self.fault(node, "the topic is text, and has no fields")),
            (root @ (Root::KeySchema | Root::ValueSchema), Some((step, rest))) => {
                if !matches!(step.name.as_str(), "name" | "version" | "doc") || !rest.is_empty() {
                    return Err(self.fault(node, "of a schema there are name, version and doc"));
                }
                Slot { root, steps, ask, shown }
            }
            (Root::Headers, Some((name, rest))) => {
                if rest.first().is_some_and(|step| step.name != "value") {
                    return Err(self.fault(node, "of a header there is its value: headers.NAME.value"));
                }
                let shown = format!("headers.{}", name.name);
                Slot { root: Root::Header(name.name.clone()), steps: rest.to_vec(), ask, shown }
            }
            (root, _) => Slot { root, steps, ask, shown },
        };
        Ok(Some(slot))
    }

    /// The way that a node names; `None`: it is something else.
    fn path(&self, node: &IdedExpr) -> Result<Option<Slot>, Fault> {
        let (operand, name, safe) = match &node.expr {
            Expr::Ident(name) if !self.is_bound(name) => return self.root(node, name).map(Some),
            Expr::Select(select) if !select.test => (&*select.operand, select.field.as_str(), false),
            Expr::Call(call) => match (call.func_name.as_str(), &call.args[..]) {
                (
                    called @ (INDEX | SAFE),
                    [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(name)), .. }],
                ) => (operand, name.inner(), called == SAFE),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let mut path = self.path(operand)?;
        if let Some(path) = &mut path {
            path.steps.push(Step { name: name.to_owned(), safe });
        }
        Ok(path)
    }

    fn is_bound(&self, name: &str) -> bool {
        name.starts_with('#') || self.bound.iter().any(|bound| bound == name) || TYPES.contains(&name)
    }

    fn root(&self, node: &IdedExpr, name: &str) -> Result<Slot, Fault> {
        let of = |root| Ok(Slot { root, steps: Vec::new(), ask: Ask::Value, shown: name.to_owned() });
        match name {
            "key" => of(Root::Key),
            "value" => of(Root::Value),
            "keySchema" => of(Root::KeySchema),
            "valueSchema" => of(Root::ValueSchema),
            "topic" => of(Root::Topic),
            "headers" | "header" => of(Root::Headers),
            "before" | "after" | "op" | "source" | "transaction" => {
                let steps = vec![Step { name: name.to_owned(), safe: false }];
                Ok(Slot { root: Root::Value, steps, ask: Ask::Value, shown: String::new() })
            }
            _ => {
                let meant = did_you_mean(name, VARIABLES.iter().copied());
                let known = VARIABLES.join(", ");
                Err(self.fault(node, format!("there is no variable {name:?}{meant}; there are {known}")))
            }
        }
    }

    /// The variable of a slot; each place has one.
    fn variable(&mut self, slot: Slot) -> Expr {
        let number = self.slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        Expr::Ident(variable(number))
    }

    /// What `slot == null` and `slot != null` become.
    fn null_test(&mut self, call: &CallExpr) -> Option<Expr> {
        let is_null = |node: &IdedExpr| matches!(node.expr, Expr::Literal(LiteralValue::Null));
        let [left, right] = &call.args[..] else { return None };
        let (slot, null) = if is_null(right) { (left, right) } else { (right, left) };
        if !matches!(call.func_name.as_str(), EQUALS | NOT_EQUALS) || !is_null(null) {
            return None;
        }
        let Expr::Ident(name) = &slot.expr else { return None };
        let asked = self.slots.get(name.strip_prefix('#')?.parse::<usize>().ok()?)?;
        if asked.ask != Ask::Value {
            return None;
        }
        let test = self.variable(Slot { ask: Ask::IsNull, ..asked.clone() });
        if call.func_name == EQUALS {
            return Some(test);
        }
        let args = vec![IdedExpr { id: slot.id, expr: test }];
        Some(Expr::Call(CallExpr { func_name: LOGICAL_NOT.to_owned(), target: None, args }))
    }

    fn at(&self, node: &IdedExpr) -> usize {
        self.positions.get(&node.id).copied().unwrap_or_default()
    }

    fn fault(&self, node: &IdedExpr, reason: impl Into<String>) -> Fault {
        Fault::new(self.at(node), reason)
    }
}
