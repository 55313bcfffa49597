//! Changes of JSON documents, as the log tells them instead of whole documents.
//!
//! Owns the list of changes (`Json_diff_vector::read_binary` of the server) and its paths, and applies them. Invariants: a
//! change that does not fit its document is an error; what is built is never larger than what was sent.

use std::borrow::Cow;

use bytes::Bytes;

use super::bytes::{Cursor, Short};
use super::jsonb::{BadJson, Binary, DEPTH_MAX, Entries, Writer};

/// A change of a document: where, and what is there now.
#[derive(Debug)]
struct Change {
    operation: Operation,
    legs: Vec<Leg>,
    /// Binary JSON; empty for a removal.
    value: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Replace,
    Insert,
    Remove,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Leg {
    /// Into an object.
    Member(String),
    /// Into an array, counted from its beginning.
    Cell(usize),
    /// Into an array, counted from its last element.
    FromLast(usize),
}

/// A document that can be changed.
#[derive(Debug)]
enum Node<'a> {
    Scalar(Binary<'a>),
    Array(Vec<Node<'a>>),
    /// In the server's order: short keys first.
    Object(Vec<(Cow<'a, [u8]>, Node<'a>)>),
}

const ENDS: BadJson = BadJson("a change ends early");
const NO_FIT: BadJson = BadJson("a change does not fit the document before it");
const PATH: BadJson = BadJson("the path of a change");

/// The text of a document behind its changes.
pub(super) fn text(document: &Bytes, changes: Bytes) -> Result<String, BadJson> {
    let size = document.len() + changes.len();
    let changes = read(changes)?;
    let mut left = size;
    let mut root = Node::of(Binary::of(document).ok_or(NO_FIT)?, 0, &mut left)?;
    for change in &changes {
        change.apply(&mut root, &mut left)?;
    }
    let mut writer = Writer::new(size);
    root.write(&mut writer, 0)?;
    Ok(writer.text)
}

fn read(changes: Bytes) -> Result<Vec<Change>, BadJson> {
    let early = |_: Short| ENDS;
    let mut cursor = Cursor::new(changes);
    let mut read = Vec::new();
    while !cursor.is_empty() {
        let operation = match cursor.u8("a change").map_err(early)? {
            0 => Operation::Replace,
            1 => Operation::Insert,
            2 => Operation::Remove,
            _ => return Err(BadJson("a change of an unknown kind")),
        };
        let path = cursor.lenenc_bytes("a path").map_err(early)?;
        let legs = legs(str::from_utf8(&path).map_err(|_| PATH)?)?;
        let value = match operation {
            Operation::Remove => Bytes::new(),
            Operation::Replace | Operation::Insert => cursor.lenenc_bytes("a value").map_err(early)?,
        };
        read.push(Change { operation, legs, value });
    }
    Ok(read)
}

/// The steps of a path: `$.name`, `."any name"`, `[1]`, `[last-1]`.
fn legs(path: &str) -> Result<Vec<Leg>, BadJson> {
    let mut rest = path.strip_prefix('$').ok_or(PATH)?;
    let mut legs = Vec::new();
    while let Some(first) = rest.chars().next() {
        rest = rest.get(1..).unwrap_or_default();
        let end;
        match first {
            '.' if rest.starts_with('"') => {
                end = quoted(rest).ok_or(PATH)?;
                let name = rest.get(..end).and_then(|quoted| serde_json::from_str(quoted).ok());
                legs.push(Leg::Member(name.ok_or(PATH)?));
            }
            '.' => {
                end = rest.find(['.', '[']).unwrap_or(rest.len());
                legs.push(Leg::Member(rest.get(..end).unwrap_or_default().to_owned()));
            }
            '[' => {
                let cell = rest.split_once(']').ok_or(PATH)?.0;
                end = cell.len() + 1;
                legs.push(leg(cell.trim()).ok_or(PATH)?);
            }
            _ => return Err(PATH),
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    Ok(legs)
}

/// How long a name in quotes is, with both of them.
fn quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map(|end| end + 2)
}

fn leg(cell: &str) -> Option<Leg> {
    let Some(behind) = cell.strip_prefix("last") else { return cell.parse().ok().map(Leg::Cell) };
    if behind.is_empty() {
        return Some(Leg::FromLast(0));
    }
    behind.trim().strip_prefix('-')?.trim().parse().ok().map(Leg::FromLast)
}

impl Leg {
    /// Which element of an array of that length; the length: the place behind the last.
    fn index(&self, length: usize) -> Option<usize> {
        match self {
            Self::Member(_) => None,
            Self::Cell(index) => Some((*index).min(length)),
            Self::FromLast(index) => length.checked_sub(1)?.checked_sub(*index),
        }
    }
}

impl Change {
    fn apply<'a>(&'a self, root: &mut Node<'a>, left: &mut usize) -> Result<(), BadJson> {
        let (last, parents) = self.legs.split_last().ok_or(NO_FIT)?;
        let mut parent = root;
        for leg in parents {
            parent = parent.child(leg).ok_or(NO_FIT)?;
        }
        let value = match Binary::of(&self.value) {
            Some(value) => Some(Node::of(value, self.legs.len(), left)?),
            None => None,
        };
        match (parent, self.operation, value) {
            (parent, Operation::Replace, Some(value)) => *parent.child(last).ok_or(NO_FIT)? = value,
            (Node::Array(elements), Operation::Insert, Some(value)) => {
                elements.insert(last.index(elements.len()).ok_or(NO_FIT)?, value);
            }
            (Node::Array(elements), Operation::Remove, None) => {
                let index = last.index(elements.len()).filter(|index| *index < elements.len()).ok_or(NO_FIT)?;
                elements.remove(index);
            }
            (Node::Object(members), operation, value) => {
                let Leg::Member(name) = last else { return Err(NO_FIT) };
                let order = |key: &[u8]| (key.len(), key).cmp(&(name.len(), name.as_bytes()));
                match (members.binary_search_by(|(key, _)| order(key)), operation, value) {
                    (Err(place), Operation::Insert, Some(value)) => {
                        members.insert(place, (Cow::Borrowed(name.as_bytes()), value));
                    }
                    (Ok(place), Operation::Remove, None) => drop(members.remove(place)),
                    _ => return Err(NO_FIT),
                }
            }
            _ => return Err(NO_FIT),
        }
        Ok(())
    }
}

impl<'a> Node<'a> {
    /// Takes a value apart. `left` is how many there may be: each took a byte of the log at least.
    fn of(value: Binary<'a>, depth: usize, left: &mut usize) -> Result<Self, BadJson> {
        *left = left.checked_sub(1).ok_or(BadJson("values overlap"))?;
        if depth > DEPTH_MAX {
            return Err(BadJson("too deep or too long"));
        }
        if !value.is_container() {
            return Ok(Self::Scalar(value));
        }
        let entries = Entries::of(value)?;
        if entries.object {
            let member = |entry: Result<(Option<&'a [u8]>, Binary<'a>), BadJson>| {
                let (key, value) = entry?;
                Ok((Cow::Borrowed(key.unwrap_or_default()), Self::of(value, depth + 1, left)?))
            };
            return Ok(Self::Object(entries.map(member).collect::<Result<_, BadJson>>()?));
        }
        let elements = entries.map(|entry| Self::of(entry?.1, depth + 1, left));
        Ok(Self::Array(elements.collect::<Result<_, BadJson>>()?))
    }

    fn child(&mut self, leg: &Leg) -> Option<&mut Self> {
        match (self, leg) {
            (Self::Object(members), Leg::Member(name)) => {
                members.iter_mut().find(|(key, _)| **key == *name.as_bytes()).map(|(_, value)| value)
            }
            (Self::Array(elements), leg) => {
                let index = leg.index(elements.len())?;
                elements.get_mut(index)
            }
            _ => None,
        }
    }

    fn write(&self, writer: &mut Writer, depth: usize) -> Result<(), BadJson> {
        match self {
            Self::Scalar(value) => writer.value(*value, depth),
            Self::Array(elements) => {
                writer.text.push('[');
                for (index, element) in elements.iter().enumerate() {
                    writer.entry(index, None);
                    element.write(writer, depth + 1)?;
                }
                writer.text.push(']');
                Ok(())
            }
            Self::Object(members) => {
                writer.text.push('{');
                for (index, (key, member)) in members.iter().enumerate() {
                    writer.entry(index, Some(key));
                    member.write(writer, depth + 1)?;
                }
                writer.text.push('}');
                Ok(())
            }
        }
    }
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
