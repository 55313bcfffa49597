//! What Groovy's operators and methods do that CEL's do not: null goes with everything, text takes everything.

use std::cmp::Ordering;

use cel::{Context, ExecutionError, Value};
use fancy_regex::Regex;

/// Groovy's truth.
pub(super) const TRUTH: &str = "@truth";
/// Comparisons; null is less than everything else.
pub(super) const COMPARISONS: [(&str, &str); 4] =
    [("<", "@less"), ("<=", "@less_or_equal"), (">", "@greater"), (">=", "@greater_or_equal")];
/// Sums, and text put together.
pub(super) const ARITHMETIC: [(&str, &str); 4] =
    [("+", "@plus"), ("-", "@minus"), ("*", "@times"), ("%", "@remainder")];
/// Methods of text without arguments.
pub(super) const METHODS: [(&str, &str); 7] = [
    ("toLowerCase", "@lower"),
    ("toUpperCase", "@upper"),
    ("trim", "@trim"),
    ("isEmpty", "@is_empty"),
    ("length", "@length"),
    ("size", "@length"),
    ("toString", "@text"),
];
/// The method of text that compares whatever the case.
pub(super) const EQUALS_IGNORE_CASE: &str = "@equals_ignore_case";
/// The method of text and of lists that looks for a part.
pub(super) const CONTAINS: &str = "@contains";

/// The function that matches with the pattern of that number.
pub(super) fn pattern(number: usize) -> String {
    format!("@matches{number}")
}

type Answer = Result<Value, ExecutionError>;

/// A context with CEL's functions and these.
pub(super) fn context(patterns: Vec<Regex>) -> Context<'static, 'static> {
    let mut context = Context::default();
    // A name that stands already is refused; none of these can.
    let _ = context.add_function(TRUTH, |value: Value| -> bool { truth(&value) });
    for (operator, name) in COMPARISONS {
        let holds: fn(Ordering) -> bool = match operator {
            "<" => Ordering::is_lt,
            "<=" => Ordering::is_le,
            ">" => Ordering::is_gt,
            _ => Ordering::is_ge,
        };
        let compared = move |left: Value, right: Value| -> Answer {
            compare(operator, &left, &right).map(|ordering| Value::Bool(holds(ordering)))
        };
        let _ = context.add_function(name, compared);
    }
    for (operator, name) in ARITHMETIC {
        let computed = move |left: Value, right: Value| -> Answer { compute(operator, &left, &right) };
        let _ = context.add_function(name, computed);
    }
    for (method, name) in METHODS {
        let called = move |value: Value| -> Answer { call(method, &value) };
        let _ = context.add_function(name, called);
    }
    let _ = context.add_function(EQUALS_IGNORE_CASE, |left: Value, right: Value| -> Answer {
        let left = text_of("equalsIgnoreCase", &left)?.to_lowercase();
        Ok(Value::Bool(matches!(right, Value::String(right) if right.to_lowercase() == left)))
    });
    let _ = context.add_function(CONTAINS, |whole: Value, part: Value| -> Answer {
        if let Value::List(list) = &whole {
            return Ok(Value::Bool(list.contains(&part)));
        }
        Ok(Value::Bool(text_of("contains", &whole)?.contains(text_of("contains", &part)?)))
    });
    for (number, regex) in patterns.into_iter().enumerate() {
        let matched = move |value: Value| -> Answer {
            // An expression that backtracks without end matches nothing.
            Ok(Value::Bool(regex.is_match(text_of("matches", &value)?).unwrap_or(false)))
        };
        let _ = context.add_function(&pattern(number), matched);
    }
    context
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Int(value) => *value != 0,
        Value::Float(value) => *value != 0.0,
        Value::String(text) => !text.is_empty(),
        Value::Bytes(bytes) => !bytes.is_empty(),
        Value::List(list) => !list.is_empty(),
        _ => true,
    }
}

fn compare(operator: &str, left: &Value, right: &Value) -> Result<Ordering, ExecutionError> {
    let ordering = match (left, right) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Null, _) => Some(Ordering::Less),
        (_, Value::Null) => Some(Ordering::Greater),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        // As Java compares strings: by UTF-16 units.
        (Value::String(left), Value::String(right)) => Some(left.encode_utf16().cmp(right.encode_utf16())),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => number(left).zip(number(right)).and_then(|(left, right)| left.partial_cmp(&right)),
    };
    ordering.ok_or_else(|| mismatch(operator, left, right))
}

fn compute(operator: &str, left: &Value, right: &Value) -> Answer {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        let result = match operator {
            "+" => left.checked_add(*right),
            "-" => left.checked_sub(*right),
            "*" => left.checked_mul(*right),
            _ => left.checked_rem(*right),
        };
        let out_of_range = || error(operator, "the result is out of range, or a division by zero");
        return result.map(Value::Int).ok_or_else(out_of_range);
    }
    if let Some((left, right)) = number(left).zip(number(right)) {
        return Ok(Value::Float(match operator {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            _ => left % right,
        }));
    }
    if operator == "+" && (matches!(left, Value::String(_)) || matches!(right, Value::String(_))) {
        return Ok(Value::from(shown(operator, left)? + &shown(operator, right)?));
    }
    Err(mismatch(operator, left, right))
}

fn call(method: &str, value: &Value) -> Answer {
    match (method, value) {
        ("isEmpty", Value::List(list)) => return Ok(Value::Bool(list.is_empty())),
        ("size", Value::List(list)) => return Ok(Value::Int(i64::try_from(list.len()).unwrap_or(i64::MAX))),
        ("toString", Value::Int(_) | Value::Bool(_)) => return Ok(Value::from(shown(method, value)?)),
        _ => {}
    }
    let text = text_of(method, value)?;
    Ok(match method {
        "toLowerCase" => Value::from(text.to_lowercase()),
        "toUpperCase" => Value::from(text.to_uppercase()),
        // Java's `trim` cuts what is not above the blank.
        "trim" => Value::from(text.trim_matches(|c| c <= ' ').to_owned()),
        "isEmpty" => Value::Bool(text.is_empty()),
        "length" | "size" => Value::Int(i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX)),
        _ => value.clone(),
    })
}

fn text_of<'v>(method: &str, value: &'v Value) -> Result<&'v str, ExecutionError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Err(error(method, "is called on null; test it before (?.)")),
        _ => Err(error(method, &format!("is called on {}, and is there for text", kind(value)))),
    }
}

/// What a value is within text.
fn shown(operator: &str, value: &Value) -> Result<String, ExecutionError> {
    Ok(match value {
        Value::String(text) => String::clone(text),
        Value::Int(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => "null".to_owned(),
        _ => return Err(error(operator, &format!("{} cannot be put into text", kind(value)))),
    })
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}

fn mismatch(operator: &str, left: &Value, right: &Value) -> ExecutionError {
    error(operator, &format!("{} and {} do not go together", kind(left), kind(right)))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Int(_) => "a whole number",
        Value::Float(_) => "a floating number",
        Value::String(_) => "text",
        Value::Bool(_) => "a boolean",
        Value::List(_) => "a list",
        _ => "a struct",
    }
}

fn error(function: &str, message: &str) -> ExecutionError {
    ExecutionError::function_error(function, message)
}
