//! Defaults of columns, as far as their expressions tell a value.
//!
//! Semantics: Debezium's `PostgresDefaultValueConverter`, which evaluates no expression either.

use super::catalog::Type;
use super::decode::{Decode, Decoded, padded};
use crate::data::{Schema, Value};
use crate::source::decimal::DecimalMode;

/// Types of which Debezium reads defaults, beside enums.
const TYPES: &[&str] = &[
    "bit",
    "bool",
    "bpchar",
    "date",
    "float4",
    "float8",
    "int2",
    "int4",
    "int8",
    "interval",
    "json",
    "jsonb",
    "numeric",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "varbit",
    "varchar",
    "xml",
];

/// The value of a column's default, as the catalogue writes the expression; `None` when Debezium gives none.
pub(super) fn value(kind: &Type, decode: &Decode, schema: &Schema, expression: &str) -> Option<Value> {
    let is_enum = kind.kind == 'e';
    // Connect has no structs for defaults.
    if decode == &Decode::VariableNumeric || !is_enum && !TYPES.contains(&kind.name.as_str()) {
        return None;
    }
    let expression = expression.trim();
    let quoted = expression.trim_start_matches(['B', 'E']).strip_prefix('\'');
    let literal = if let Some(quoted) = quoted {
        let literal = unquote(quoted)?;
        if expression.starts_with('E') { literal.replace("\\\\", "\\") } else { literal }
    } else if is_enum {
        return None;
    } else {
        let plain = expression.split("::").next().unwrap_or_default();
        match plain.trim_start_matches('(').trim_end_matches(')') {
            "true" => "t".to_owned(),
            "false" => "f".to_owned(),
            "NULL" => return None,
            number if number.parse::<f64>().is_ok() => number.to_owned(),
            // A function's value is another for each row: something of the type stands for it.
            _ if is_function(expression) => return Some(decode.of_function(schema)),
            _ => return None,
        }
    };
    let literal = match decode {
        Decode::Numeric { mode: DecimalMode::String, scale } => padded(&literal, *scale),
        _ => literal,
    };
    let literal = bytes::Bytes::from(literal);
    match decode.text(&literal, &literal) {
        Ok(Decoded::Value(value)) => Some(value),
        _ => None,
    }
}

/// Whether the expression is a call, or one of SQL's functions without parentheses.
fn is_function(expression: &str) -> bool {
    const WITHOUT_PARENTHESES: &[&str] =
        &["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"];
    let call = expression.strip_prefix('(').unwrap_or(expression);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let behind = call.trim_start_matches(is_name);
    (behind.len() < call.len() && behind.starts_with('(') && behind.contains(')'))
        || WITHOUT_PARENTHESES.iter().any(|name| name.eq_ignore_ascii_case(expression))
}

/// The text of a literal behind its first quote, if nothing but a cast follows it.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = quoted;
    loop {
        let (part, behind) = rest.split_once('\'')?;
        text.push_str(part);
        match behind.strip_prefix('\'') {
            Some(behind) => {
                text.push('\'');
                rest = behind;
            }
            None => return (behind.is_empty() || behind.starts_with("::")).then_some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Kind;
    use crate::source::common::BinaryMode;
    use crate::source::postgres::decode::{Asked, IntervalForm};
    use crate::source::temporal::TimestampForm;

    fn default_of(name: &str, decode: &Decode, expression: &str) -> Option<Value> {
        let kind = Type { name: name.into(), kind: 'b', base: None, element: None, labels: Vec::new() };
        value(&kind, decode, &Schema::of(Kind::Text), expression)
    }

    /// Expressions as `pg_get_expr` writes them; values as in Debezium's records of `pg_types`.
    #[test]
    fn defaults_are_debeziums() {
        let text = Decode::Text(Asked::AsItIs);
        assert_eq!(default_of("text", &text, "'hello'::text"), Some(Value::text("hello")));
        assert_eq!(default_of("varchar", &text, "'it''s'::character varying"), Some(Value::text("it's")));
        assert_eq!(default_of("varchar", &text, "E'a\\\\b'::character varying"), Some(Value::text("a\\b")));
        assert_eq!(default_of("varchar", &text, "NULL::character varying"), None);
        assert_eq!(default_of("citext", &text, "'hello'::citext"), None);
        assert_eq!(default_of("int4", &Decode::Int4, "42"), Some(Value::Int32(42)));
        assert_eq!(default_of("int4", &Decode::Int4, "'-1'::integer"), Some(Value::Int32(-1)));
        assert_eq!(default_of("int4", &Decode::Int4, "(-1)"), Some(Value::Int32(-1)));
        assert_eq!(default_of("int4", &Decode::Int4, "(1 + 2)"), None);
        assert_eq!(default_of("int4", &Decode::Int4, "nextval('t_id_seq'::regclass)"), Some(Value::Int32(0)));
        assert_eq!(default_of("bool", &Decode::Bool, "true"), Some(Value::Bool(true)));
        assert_eq!(default_of("bit", &Decode::Bits, "B'101'::\"bit\""), Some(Value::Bytes(vec![5].into())));
        let price = Decode::Numeric { mode: DecimalMode::Precise, scale: 2 };
        assert_eq!(default_of("numeric", &price, "1.50"), Some(Value::Bytes(vec![0, 0x96].into())));
        let price = Decode::Numeric { mode: DecimalMode::String, scale: 2 };
        assert_eq!(default_of("numeric", &price, "1.5"), Some(Value::text("1.50")));
        assert_eq!(default_of("numeric", &price, "random()"), Some(Value::text("0.00")));
        assert_eq!(default_of("numeric", &Decode::VariableNumeric, "1.5"), None);
        let timestamp = Decode::Timestamp(TimestampForm::Micros);
        let expression = "'2020-01-01 00:00:00'::timestamp without time zone";
        assert_eq!(default_of("timestamp", &timestamp, expression), Some(Value::Int64(1_577_836_800_000_000)));
        let moment = Some(Value::text("1970-01-01T00:00:00.000000Z"));
        assert_eq!(default_of("timestamptz", &Decode::TimestampTz(6), "now()"), moment);
        assert_eq!(default_of("timestamptz", &Decode::TimestampTz(6), "CURRENT_TIMESTAMP"), moment);
        let interval = Decode::Interval(IntervalForm::Iso);
        assert_eq!(default_of("interval", &interval, "'1 day'::interval"), Some(Value::text("P0Y0M1DT0H0M0S")));
        assert_eq!(default_of("bytea", &Decode::Bytea(BinaryMode::Bytes), "'\\x01ff'::bytea"), None);
        let mood = Type { name: "mood".into(), kind: 'e', base: None, element: None, labels: Vec::new() };
        let mood = |expression| value(&mood, &text, &Schema::of(Kind::Text), expression);
        assert_eq!(mood("'ok'::mood"), Some(Value::text("ok")));
        assert_eq!(mood("any_mood()"), None);
    }
}
