//! Arrays, as PostgreSQL writes them in text.
#![deny(clippy::indexing_slicing)]

use bytes::Bytes;

use super::{Decode, Decoded, Mismatch};
use crate::data::Value;

/// An array's text (`{1,NULL,"a b"}`). Of an array of arrays Debezium knows only that there is something; and where its
/// elements may not be null, an array with one that is has no place.
pub(super) fn array(element: &Decode, delimiter: char, nulls: bool, text: &str) -> Result<Decoded, Mismatch> {
    // `[2:3]={…}`: bounds that do not start at 1.
    let text = match text.split_once("]=") {
        Some((bounds, items)) if bounds.starts_with('[') => items,
        _ => text,
    };
    let items = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or("an array")?;
    let mut rest = items.chars().peekable();
    let mut values = Vec::new();
    while rest.peek().is_some() {
        let value = match array_item(&mut rest, delimiter) {
            Some(item) => match element.text(&item, &item)? {
                Decoded::Value(value) => value,
                Decoded::Unrepresentable => Value::Null,
            },
            None => Value::Null,
        };
        if value.is_null() && !nulls {
            return Ok(Decoded::Unrepresentable);
        }
        values.push(value);
    }
    Ok(Value::Array(values.into_boxed_slice()).into())
}

/// The text of a vector (`1 2`).
pub(super) fn vector(element: &Decode, text: &str) -> Result<Value, Mismatch> {
    let item = |item: &str| {
        let item = Bytes::copy_from_slice(item.as_bytes());
        match element.text(&item, &item)? {
            Decoded::Value(value) => Ok(value),
            Decoded::Unrepresentable => Err("a vector of numbers"),
        }
    };
    Ok(Value::Array(text.split(' ').filter(|text| !text.is_empty()).map(item).collect::<Result<_, _>>()?))
}

/// The next item of an array, up to what parts it from the one behind; `None`: null.
fn array_item(rest: &mut impl Iterator<Item = char>, delimiter: char) -> Option<Bytes> {
    let mut item = String::new();
    let (mut is_text, mut in_quotes, mut depth) = (false, false, 0_u32);
    let mut is_nested = false;
    while let Some(character) = rest.next() {
        match character {
            '\\' => item.extend(rest.next()),
            '"' => (is_text, in_quotes) = (true, !in_quotes),
            '{' if !in_quotes => (is_nested, depth) = (true, depth + 1),
            '}' if !in_quotes => depth = depth.saturating_sub(1),
            character if character == delimiter && !in_quotes && depth == 0 => break,
            character => item.push(character),
        }
    }
    let is_null = is_nested || (!is_text && item == "NULL");
    (!is_null).then(|| Bytes::from(item))
}
