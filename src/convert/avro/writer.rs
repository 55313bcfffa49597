//! The writer's schema, as the registry has it: its types, its names, and the bytes of its defaults.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::Fault;
use super::write::{end_blocks, write_bytes, write_count, write_long};

/// How deep defaults may lie in each other; a record whose default holds itself has no end.
const DEPTH_MAX: usize = 64;

/// The writer's schema.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    root: At<'a>,
    named: HashMap<String, At<'a>>,
}

/// A place in the schema, and the namespace there.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    json: &'a Json,
    space: &'a str,
}

/// What is at a place.
#[derive(Debug)]
pub(super) enum Type<'a> {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(At<'a>),
    Map(At<'a>),
    Union(Vec<At<'a>>),
    Enum { symbols: Vec<&'a str> },
    Fixed { size: usize },
    Record { name: String, fields: Vec<WriterField<'a>> },
}

/// A field of a record.
#[derive(Debug)]
pub(super) struct WriterField<'a> {
    pub(super) name: &'a str,
    pub(super) at: At<'a>,
    pub(super) default: Option<&'a Json>,
}

/// A logical type, where it is on this place itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Logical<'a> {
    pub(super) name: &'a str,
    pub(super) scale: i64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(json: &'a Json) -> Result<Self, Fault> {
        let root = At { json, space: "" };
        let mut writer = Self { root, named: HashMap::new() };
        writer.gather(root)?;
        Ok(writer)
    }

    pub(super) const fn root(&self) -> At<'a> {
        self.root
    }

    /// Finds the named types.
    fn gather(&mut self, at: At<'a>) -> Result<(), Fault> {
        match at.json {
            Json::Array(branches) => branches.iter().try_for_each(|json| self.gather(At { json, ..at })),
            Json::Object(object) => {
                let kind = object.get("type").unwrap_or(&Json::Null);
                let mut space = at.space;
                if let Some("record" | "error" | "enum" | "fixed") = kind.as_str() {
                    let (name, own) = name_of(object, at.space)?;
                    space = own;
                    self.named.insert(name, at);
                } else if !kind.is_string() {
                    self.gather(At { json: kind, ..at })?;
                }
                for part in ["items", "values"] {
                    object.get(part).map_or(Ok(()), |json| self.gather(At { json, space }))?;
                }
                let fields = object.get("fields").and_then(Json::as_array).into_iter().flatten();
                fields.filter_map(|field| field.get("type")).try_for_each(|json| self.gather(At { json, space }))
            }
            _ => Ok(()),
        }
    }

    /// What is at a place; names are followed.
    pub(super) fn type_of(&self, at: At<'a>) -> Result<Type<'a>, Fault> {
        let object = match at.json {
            Json::String(name) => return self.of_name(name, at),
            Json::Array(branches) => {
                return Ok(Type::Union(branches.iter().map(|json| At { json, ..at }).collect()));
            }
            Json::Object(object) => object,
            other => return Err(broken(&format!("{other} is no type"))),
        };
        let kind = object.get("type").ok_or_else(|| broken("a type has no type"))?;
        let part = |name: &str| object.get(name).ok_or_else(|| broken(&format!("a type has no {name}")));
        Ok(match kind.as_str() {
            Some("array") => Type::Array(At { json: part("items")?, ..at }),
            Some("map") => Type::Map(At { json: part("values")?, ..at }),
            Some("enum") => {
                let symbols = part("symbols")?.as_array().into_iter().flatten().filter_map(Json::as_str);
                Type::Enum { symbols: symbols.collect() }
            }
            Some("fixed") => {
                let size = part("size")?.as_u64().and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| broken("the size of a fixed is no number"))?;
                Type::Fixed { size }
            }
            Some("record" | "error") => {
                let (name, space) = name_of(object, at.space)?;
                let fields = part("fields")?.as_array().into_iter().flatten();
                Type::Record { name, fields: fields.map(|json| field_of(json, space)).collect::<Result<_, _>>()? }
            }
            _ => return self.type_of(At { json: kind, ..at }),
        })
    }

    fn of_name(&self, name: &str, at: At<'a>) -> Result<Type<'a>, Fault> {
        Ok(match name {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "int" => Type::Int,
            "long" => Type::Long,
            "float" => Type::Float,
            "double" => Type::Double,
            "bytes" => Type::Bytes,
            "string" => Type::String,
            _ => {
                let full = with_space(name, at.space);
                let named = self.named.get(&full).or_else(|| self.named.get(name));
                return self.type_of(*named.ok_or_else(|| broken(&format!("it refers to {full}, which it lacks")))?);
            }
        })
    }

    /// The bytes of a default.
    pub(super) fn default(&self, at: At<'a>, json: &Json) -> Result<Box<[u8]>, Fault> {
        let mut out = Vec::new();
        self.write_default(&mut out, at, json, 0)?;
        Ok(out.into())
    }

    fn write_default(&self, out: &mut Vec<u8>, at: At<'a>, json: &Json, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(broken("the default has no end"));
        }
        let wrong = || broken(&format!("the default {json} does not fit its type"));
        let latin = || json.as_str().and_then(latin1).ok_or_else(wrong);
        match self.type_of(at)? {
            Type::Null if json.is_null() => {}
            Type::Boolean => out.push(json.as_bool().ok_or_else(wrong)?.into()),
            Type::Int => {
                let number = json.as_i64().and_then(|number| i32::try_from(number).ok());
                write_long(out, number.ok_or_else(wrong)?.into());
            }
            Type::Long => write_long(out, json.as_i64().ok_or_else(wrong)?),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a default of FLOAT is told with the digits of a double"
            )]
            Type::Float => out.extend_from_slice(&(json.as_f64().ok_or_else(wrong)? as f32).to_le_bytes()),
            Type::Double => out.extend_from_slice(&json.as_f64().ok_or_else(wrong)?.to_le_bytes()),
            Type::Bytes => write_bytes(out, &latin()?),
            Type::String => write_bytes(out, json.as_str().ok_or_else(wrong)?.as_bytes()),
            Type::Fixed { size, .. } => {
                let bytes = latin()?;
                if bytes.len() != size {
                    return Err(wrong());
                }
                out.extend_from_slice(&bytes);
            }
            Type::Enum { symbols, .. } => {
                let place = symbols.iter().position(|symbol| json.as_str() == Some(symbol));
                write_long(out, place.and_then(|place| i64::try_from(place).ok()).ok_or_else(wrong)?);
            }
            Type::Array(items) => {
                let elements = json.as_array().ok_or_else(wrong)?;
                write_count(out, elements.len());
                elements.iter().try_for_each(|element| self.write_default(out, items, element, depth + 1))?;
                end_blocks(out, elements.len());
            }
            Type::Map(values) => {
                let entries = json.as_object().ok_or_else(wrong)?;
                write_count(out, entries.len());
                for (key, value) in entries {
                    write_bytes(out, key.as_bytes());
                    self.write_default(out, values, value, depth + 1)?;
                }
                end_blocks(out, entries.len());
            }
            Type::Union(branches) => self.write_branch(out, &branches, json, depth)?,
            Type::Record { fields, .. } => {
                let values = json.as_object().ok_or_else(wrong)?;
                for field in fields {
                    let value = values.get(field.name).or(field.default).ok_or_else(wrong)?;
                    self.write_default(out, field.at, value, depth + 1).map_err(|fault| fault.within(field.name))?;
                }
            }
            Type::Null => return Err(wrong()),
        }
        Ok(())
    }

    /// The first branch that the default fits.
    fn write_branch(&self, out: &mut Vec<u8>, branches: &[At<'a>], json: &Json, depth: usize) -> Result<(), Fault> {
        let start = out.len();
        let mut first = None;
        for (place, branch) in (0_i64..).zip(branches) {
            write_long(out, place);
            let Err(fault) = self.write_default(out, *branch, json, depth + 1) else { return Ok(()) };
            out.truncate(start);
            first.get_or_insert(fault);
        }
        Err(first.unwrap_or_else(|| broken("a union has no branch")))
    }
}

impl<'a> At<'a> {
    /// The logical type, if the writer's schema names one here.
    pub(super) fn logical(self) -> Option<Logical<'a>> {
        let name = self.json.get("logicalType")?.as_str()?;
        Some(Logical { name, scale: self.json.get("scale").and_then(Json::as_i64).unwrap_or(0) })
    }
}

/// The full name of a named type, and the namespace within it.
fn name_of<'a>(object: &'a Map<String, Json>, enclosing: &'a str) -> Result<(String, &'a str), Fault> {
    let text = |key| object.get(key).and_then(Json::as_str);
    let name = text("name").ok_or_else(|| broken("a named type has no name"))?;
    if let Some((space, _)) = name.rsplit_once('.') {
        return Ok((name.to_owned(), space));
    }
    let space = text("namespace").unwrap_or(enclosing);
    Ok((with_space(name, space), space))
}

fn with_space(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() { name.to_owned() } else { format!("{space}.{name}") }
}

fn field_of<'a>(json: &'a Json, space: &'a str) -> Result<WriterField<'a>, Fault> {
    let name = json.get("name").and_then(Json::as_str).ok_or_else(|| broken("a field has no name"))?;
    let kind = json.get("type").ok_or_else(|| broken(&format!("the field {name} has no type")))?;
    Ok(WriterField { name, at: At { json: kind, space }, default: json.get("default") })
}

/// The bytes that ISO 8859-1 text stands for.
fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

/// A fault of the writer's schema itself.
fn broken(reason: &str) -> Fault {
    Fault::new(format!("the writer's schema cannot be used: {reason}"))
}
