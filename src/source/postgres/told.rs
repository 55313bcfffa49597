//! What PostgreSQL's JDBC driver tells of a column's type, which Debezium passes on: name, length, scale, and whether it
//! is text.
//!
//! Follows pgjdbc's `TypeInfoCache` and `PgDatabaseMetaData`, and Debezium's `PostgresType`. A table that was read from the
//! catalogue tells a little else than one that the log has told of ([`Origin`]); Debezium's records show both.

use super::catalog::{Type, Types};

/// What the driver says where there is no length.
const UNKNOWN_LENGTH: i32 = i32::MAX;
/// The digits of the longest `numeric`.
const NUMERIC_DIGITS_MAX: i32 = 131_089;

/// Where the columns of a table were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The catalogue, for a snapshot.
    Catalog,
    /// A relation message.
    Log,
}

/// What is told of a column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) type_name: String,
    pub(super) length: i32,
    pub(super) scale: Option<i32>,
    /// Whether JDBC has it among its types of text.
    pub(super) is_character: bool,
}

/// What is told of a type with a modifier; `default` is the expression of the column's default.
pub(super) fn of(types: &Types, (id, modifier): (u32, i32), default: Option<&str>, origin: Origin) -> Told {
    let Some(found) = types.get(&id) else {
        return Told { type_name: String::new(), length: UNKNOWN_LENGTH, scale: None, is_character: false };
    };
    let name = measured(types, found);
    let (length, scale) = match origin {
        Origin::Log if modifier != -1 => (precision(name, modifier), Some(scale(name, modifier))),
        // A numeric without digits has neither, for the catalogue.
        Origin::Catalog if name == "numeric" && modifier == -1 && found.base.is_none() => (0, None),
        Origin::Catalog if found.base.is_none() => (shown(name, modifier), Some(scale(name, modifier))),
        _ => (default_length(types, found), Some(default_scale(types, found))),
    };
    let type_name = match (origin, found.name.as_str()) {
        (Origin::Catalog, name) if default.is_some_and(|default| default.contains("nextval(")) => serial(name),
        (_, name) => name,
    };
    let root = root(types, found);
    let is_character = root.element.is_none()
        && (root.kind == 'e' || matches!(root.name.as_str(), "text" | "varchar" | "bpchar" | "char" | "name"));
    Told { type_name: type_name.to_owned(), length, scale, is_character }
}

/// The driver's name for a number that is drawn from a sequence.
fn serial(name: &str) -> &str {
    match name {
        "int2" => "smallserial",
        "int4" => "serial",
        "int8" => "bigserial",
        _ => name,
    }
}

/// The type under all domains.
fn root<'a>(types: &'a Types, found: &'a Type) -> &'a Type {
    let base = found.base.and_then(|(base, _)| types.get(&base));
    base.map_or(found, |base| root(types, base))
}

/// The name of the type whose length counts: of an array, its elements'.
fn measured<'a>(types: &'a Types, found: &'a Type) -> &'a str {
    let element = found.element.and_then(|element| types.get(&element));
    &element.unwrap_or(found).name
}

/// `PostgresType.getDefaultLength`
fn default_length(types: &Types, found: &Type) -> i32 {
    if let Some((base, modifier)) = found.base
        && let Some(base) = types.get(&base)
    {
        if modifier == -1 {
            return default_length(types, base);
        }
        let length = shown(measured(types, base), modifier);
        if length != 0 && length != UNKNOWN_LENGTH {
            return length;
        }
    }
    shown(measured(types, found), -1)
}

/// `PostgresType.getDefaultScale`
fn default_scale(types: &Types, found: &Type) -> i32 {
    match found.base.and_then(|(base, modifier)| Some((types.get(&base)?, modifier))) {
        Some((base, -1)) => default_scale(types, base),
        Some((base, modifier)) => scale(measured(types, base), modifier),
        None => scale(measured(types, found), -1),
    }
}

/// The precision, or where there is none the characters that a value takes.
fn shown(name: &str, modifier: i32) -> i32 {
    match precision(name, modifier) {
        0 if name == "numeric" => NUMERIC_DIGITS_MAX,
        precision => precision,
    }
}

/// `TypeInfoCache.getPrecision`
fn precision(name: &str, modifier: i32) -> i32 {
    // The characters of a second's fraction, with its point.
    let fraction = match modifier {
        -1 => 7,
        0 => 0,
        1 => 3,
        digits => digits.saturating_add(1),
    };
    match name {
        "int2" => 5,
        "int4" | "oid" => 10,
        "int8" => 19,
        "float4" => 8,
        "float8" => 17,
        "numeric" if modifier == -1 => 0,
        "numeric" => modifier.wrapping_sub(4) >> 16,
        "char" | "bool" => 1,
        "bpchar" | "varchar" if modifier != -1 => modifier.wrapping_sub(4),
        "date" => 13,
        "time" => 8 + fraction,
        "timetz" => 14 + fraction,
        "timestamp" => 22 + fraction,
        "timestamptz" => 28 + fraction,
        "interval" => 49,
        "bit" => modifier,
        "varbit" if modifier != -1 => modifier,
        _ => UNKNOWN_LENGTH,
    }
}

/// `TypeInfoCache.getScale`
fn scale(name: &str, modifier: i32) -> i32 {
    match (name, modifier) {
        ("float4", _) => 8,
        ("float8", _) => 17,
        ("time" | "timetz" | "timestamp" | "timestamptz" | "interval", -1) => 6,
        ("time" | "timetz" | "timestamp" | "timestamptz", digits) => digits,
        ("interval", modifier) => modifier & 0xffff,
        ("numeric", modifier) if modifier != -1 => modifier.wrapping_sub(4) & 0xffff,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types() -> Types {
        let plain =
            |name: &str, kind: char| Type { name: name.into(), kind, base: None, element: None, labels: Vec::new() };
        let domain = |name: &str, base: u32, modifier: i32| Type { base: Some((base, modifier)), ..plain(name, 'd') };
        [
            (16, plain("bool", 'b')),
            (20, plain("int8", 'b')),
            (23, plain("int4", 'b')),
            (25, plain("text", 'b')),
            (1043, plain("varchar", 'b')),
            (1700, plain("numeric", 'b')),
            (1184, plain("timestamptz", 'b')),
            (2950, plain("uuid", 'b')),
            (1015, Type { element: Some(1043), ..plain("_varchar", 'b') }),
            (9001, plain("mood", 'e')),
            (9002, domain("short", 1043, 14)),
            (9003, domain("shorter", 9002, -1)),
            (9004, domain("money2", 1700, (12 << 16 | 2) + 4)),
        ]
        .into_iter()
        .collect()
    }

    /// Name, length and scale.
    fn told(id: u32, modifier: i32, default: Option<&str>, origin: Origin) -> (String, i32, Option<i32>) {
        let told = of(&types(), (id, modifier), default, origin);
        (told.type_name, told.length, told.scale)
    }

    /// What the recording `pg_crud/filters` shows.
    #[test]
    fn the_recording_with_propagated_types() {
        let next = Some("nextval('customers_id_seq'::regclass)");
        assert_eq!(told(23, -1, next, Origin::Catalog), ("serial".into(), 10, Some(0)));
        assert_eq!(told(23, -1, next, Origin::Log), ("int4".into(), 10, Some(0)));
        for origin in [Origin::Catalog, Origin::Log] {
            assert_eq!(told(16, -1, Some("false"), origin), ("bool".into(), 1, Some(0)));
            assert_eq!(told(20, -1, None, origin), ("int8".into(), 19, Some(0)));
            assert_eq!(told(25, -1, None, origin), ("text".into(), i32::MAX, Some(0)));
            assert_eq!(told(1700, (10 << 16 | 2) + 4, None, origin), ("numeric".into(), 10, Some(2)));
        }
    }

    #[test]
    fn lengths_of_other_types() {
        for origin in [Origin::Catalog, Origin::Log] {
            assert_eq!(told(1043, 259, None, origin), ("varchar".into(), 255, Some(0)));
            assert_eq!(told(1015, 24, None, origin), ("_varchar".into(), 20, Some(0)));
            assert_eq!(told(1184, -1, None, origin), ("timestamptz".into(), 35, Some(6)));
            assert_eq!(told(1184, 3, None, origin), ("timestamptz".into(), 32, Some(3)));
            assert_eq!(told(9003, -1, None, origin), ("shorter".into(), 10, Some(0)));
            assert_eq!(told(9004, -1, None, origin), ("money2".into(), 12, Some(2)));
        }
        assert_eq!(told(1700, -1, None, Origin::Catalog), ("numeric".into(), 0, None));
        assert_eq!(told(1700, -1, None, Origin::Log), ("numeric".into(), 131_089, Some(0)));
    }

    #[test]
    fn text_is_what_jdbc_calls_so() {
        let is_character = |id: u32| of(&types(), (id, -1), None, Origin::Log).is_character;
        assert!([25, 1043, 9001, 9003].into_iter().all(is_character));
        assert!(![16, 1015, 1700, 2950].into_iter().any(is_character));
    }
}
