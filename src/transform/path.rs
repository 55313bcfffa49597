//! Paths to fields: `field.syntax.version` of KIP-821. In V1 a path is a field's name; in V2 dots lead into structs, and
//! backticks stand around names that have dots themselves (`org.apache.kafka.connect.transforms.field.SingleFieldPath`).

use super::shape::{Refusal, fields_of};
use crate::config::{Key, KeyKind, Reader};
use crate::data::{Field, Schema, Value};

/// `field.syntax.version`
pub(super) const SYNTAX: Key =
    Key::new("field.syntax.version", KeyKind::String, "V2: paths with dots lead into structs; V1: they are names")
        .default("V1")
        .one_of(&["V1", "V2"]);

/// The names from the outermost to the innermost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    steps: Vec<String>,
}

/// Where a path leads in structs of one schema: at each step the place, and what replaces a null there.
#[derive(Debug)]
pub(super) struct Place(Vec<(usize, Option<Value>)>);

impl Path {
    /// The path that the key holds, in the syntax that [`SYNTAX`] says.
    pub(super) fn read(read: &mut Reader<'_>, key: &'static str) -> Self {
        let text = read.text(key);
        let steps = match read.choice(SYNTAX.name).as_str() {
            "v2" => steps(&text),
            _ => Ok(vec![text.clone()]),
        };
        let steps = steps.unwrap_or_else(|reason| {
            read.problem(key, Some(text.clone()), &reason);
            Vec::new()
        });
        Self { text, steps }
    }

    /// Where it leads, and the field there. With `replace_null` the last field's null becomes its default; those on the way
    /// always do.
    pub(super) fn find<'a>(&self, schema: &'a Schema, replace_null: bool) -> Result<(Place, &'a Field), Refusal> {
        let mut places = Vec::new();
        let mut current = schema;
        let mut found = None;
        for step in &self.steps {
            let fields = fields_of(current)?;
            let place = current.index_of(step).ok_or_else(|| Refusal::Missing(self.text.clone()))?;
            let field = &fields[place];
            places.push((place, field.schema.default.clone()));
            current = &field.schema;
            found = Some(field);
        }
        if let Some((_, default)) = places.last_mut().filter(|_| !replace_null) {
            *default = None;
        }
        Ok((Place(places), found.ok_or_else(|| Refusal::Missing(self.text.clone()))?))
    }
}

impl Place {
    /// Takes the value there; null where a struct on the way is null.
    pub(super) fn take(&self, value: Value) -> Value {
        let mut current = value;
        for (place, default) in &self.0 {
            let Value::Struct(mut row) = current else { return Value::Null };
            current = match row.get_mut(*place).map(std::mem::take) {
                Some(Value::Null) | None => default.clone().unwrap_or_default(),
                Some(value) => value,
            };
        }
        current
    }
}

/// The steps of a path in V2. A backtick closes a name only before a dot or at the end; `\`` there is a backtick.
fn steps(path: &str) -> Result<Vec<String>, String> {
    let mut steps = Vec::new();
    let mut rest = path;
    loop {
        let Some(quoted) = rest.strip_prefix('`') else {
            let Some((step, after)) = rest.split_once('.') else {
                steps.push(rest.to_owned());
                return Ok(steps);
            };
            steps.push(step.to_owned());
            rest = after;
            continue;
        };
        let opened = path.len() - rest.len();
        let incomplete =
            || format!("has a backtick at position {opened} that none closes; `\\` before it makes it part of a name");
        let mut step = String::new();
        let mut characters = quoted.char_indices();
        rest = loop {
            let (at, character) = characters.next().ok_or_else(incomplete)?;
            let after = &quoted[at + character.len_utf8()..];
            let closes = character == '`' && (after.is_empty() || after.starts_with('.'));
            if !closes {
                step.push(character);
            } else if step.ends_with('\\') && after.is_empty() {
                return Err(incomplete());
            } else if step.ends_with('\\') {
                step.pop();
                step.push('`');
            } else {
                steps.push(step);
                match after.strip_prefix('.') {
                    Some(after) => break after,
                    None => return Ok(steps),
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of Kafka's documentation and of the KIP.
    #[test]
    fn paths_have_the_steps_of_connect() {
        for (path, expected) in [
            ("foo", &["foo"][..]),
            ("foo.bar.baz", &["foo", "bar", "baz"]),
            ("`foo.bar`.baz", &["foo.bar", "baz"]),
            ("foo.`bar.baz`", &["foo", "bar.baz"]),
            ("`foo.bar.baz`", &["foo.bar.baz"]),
            ("foo`bar.baz", &["foo`bar", "baz"]),
            ("`foo`bar`.baz", &["foo`bar", "baz"]),
            (r"`foo\`.bar`.baz", &["foo`.bar", "baz"]),
            (r"`foo\`bar`", &[r"foo\`bar"]),
            ("foo..baz", &["foo", "", "baz"]),
            ("foo.", &["foo", ""]),
            ("`foo`.", &["foo", ""]),
            (".", &["", ""]),
            ("``.x", &["", "x"]),
        ] {
            assert_eq!(steps(path).unwrap(), expected, "{path}");
        }
        for (path, opened) in [("`foo", 0), ("foo.`bar", 4), (r"`foo\`", 0), ("`foo.bar.baz", 0), ("`", 0)] {
            assert!(steps(path).unwrap_err().contains(&format!("position {opened} ")), "{path}");
        }
    }
}
