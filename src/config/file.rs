//! A connector file: JSON, either `{"name": …, "config": {…}}`, the body of `POST /connectors`, or the flat map that is
//! the body of `PUT /connectors/NAME/config`, whose name is its `name`, else the file's.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Problem, Properties, Target, Warning};

/// A connector as its file says, or whoever registered it.
#[derive(Clone, Debug)]
pub struct ConnectorFile {
    /// The file; empty if there is none.
    pub path: PathBuf,
    /// The connector's name.
    pub name: String,
    /// Its properties as written, with `name`.
    pub properties: Properties,
    /// What it is to do when it is seen for the first time.
    pub initial_state: Target,
    /// What is odd about the file.
    pub warnings: Vec<Warning>,
}

impl ConnectorFile {
    /// Reads a file.
    ///
    /// # Errors
    /// All that is wrong with its form.
    pub fn read(path: &Path) -> Result<Self, Vec<Problem>> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| vec![Problem::new("", format!("cannot be read: {error}"))])?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Self::parse(path, &text, &stem)
    }

    /// A connector that comes from no file.
    #[must_use]
    pub fn registered(name: &str, mut properties: Properties) -> Self {
        properties.entry("name".to_owned()).or_insert_with(|| name.to_owned());
        let (path, warnings) = (PathBuf::new(), Vec::new());
        Self { path, name: name.to_owned(), properties, initial_state: Target::Running, warnings }
    }

    fn parse(path: &Path, text: &str, stem: &str) -> Result<Self, Vec<Problem>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let members: Members<'_> = serde_json::from_str(text).map_err(|error| vec![no_json(&error)])?;
        let config = members.0.iter().find(|(key, value)| key == "config" && value.get().starts_with('{'));
        let mut form = Form::default();
        let name = if let Some((_, config)) = config {
            let config: Members<'_> = serde_json::from_str(config.get()).map_err(|error| vec![no_json(&error)])?;
            form.flatten(&config);
            form.envelope(&members)
        } else {
            form.flatten(&members);
            None
        };
        let inner = form.properties.get("name").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        if let (Some(outer), Some(inner)) = (&name, &inner)
            && outer != inner
        {
            form.problems.push(Problem::new("name", format!("is {outer:?} beside config and {inner:?} in it")));
        }
        let name = name.or(inner).unwrap_or_else(|| stem.to_owned());
        if name.is_empty() || name.chars().any(char::is_control) {
            form.problems.push(Problem::new("name", "must be text without control characters").with_value(&name));
        }
        if !form.problems.is_empty() {
            return Err(form.problems);
        }
        let Form { mut properties, initial_state, warnings, .. } = form;
        properties.insert("name".to_owned(), name.clone());
        Ok(Self {
            path: path.to_owned(),
            name,
            properties,
            initial_state: initial_state.unwrap_or(Target::Running),
            warnings,
        })
    }
}

fn no_json(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let (line, column) = (error.line(), error.column());
    let reason = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let place = if line == 0 { String::new() } else { format!(" at line {line}, column {column}") };
    Problem::new(
        "",
        format!("is no connector file{place}: {reason}; it must be one JSON object of property names and values"),
    )
}

/// What is collected while a file is read.
#[derive(Default)]
struct Form {
    properties: Properties,
    initial_state: Option<Target>,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Form {
    /// Values become text, as they were written; null means not set.
    fn flatten(&mut self, members: &Members<'_>) {
        for (key, value) in &members.0 {
            let text = match value.get().as_bytes().first() {
                Some(b'n') => continue,
                Some(b'{' | b'[') => {
                    let reason = "must be text, a number, true or false; a list is written \"a,b\"";
                    self.problems.push(Problem::new(key, reason));
                    continue;
                }
                Some(b'"') => serde_json::from_str(value.get()).unwrap_or_default(),
                _ => value.get().to_owned(),
            };
            if self.properties.insert(key.clone(), text).is_some() {
                self.warnings.push(Warning::new(key, "is there twice; the last value counts"));
            }
        }
    }

    /// The members beside `config`; gives the name.
    fn envelope(&mut self, members: &Members<'_>) -> Option<String> {
        let mut name = None;
        for (key, value) in members.0.iter().filter(|(key, _)| key != "config") {
            match (key.as_str(), serde_json::from_str::<String>(value.get())) {
                ("name", Ok(text)) => name = Some(text.trim().to_owned()),
                ("name", Err(_)) => self.problems.push(Problem::new("name", "must be text")),
                ("initial_state", Ok(state)) if Target::named(&state).is_some() => {
                    self.initial_state = Target::named(&state);
                }
                ("initial_state", _) => {
                    let problem = Problem::new("initial_state", "must be \"RUNNING\", \"PAUSED\" or \"STOPPED\"");
                    self.problems.push(problem.with_value(value.get()));
                }
                _ => self.warnings.push(Warning::unknown(key, "has no meaning beside name and config; it is ignored")),
            }
        }
        name
    }
}

/// The members of a JSON object, in order, also those that are there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConnectorFile, String> {
        ConnectorFile::parse(Path::new("f.json"), text, "stem")
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn both_shapes() {
        let file = parse(r#"{"name": "orders", "config": {"a": "1"}}"#).unwrap();
        assert_eq!((file.name.as_str(), file.properties["a"].as_str()), ("orders", "1"));
        assert_eq!(file.properties["name"], "orders");
        assert_eq!(parse(r#"{"name": "orders", "a": "1"}"#).unwrap().name, "orders");
        assert_eq!(parse(r#"{"a": "1"}"#).unwrap().name, "stem");
        assert_eq!(parse(r#"{"config": {"name": "inner"}}"#).unwrap().name, "inner");
        assert_eq!(parse(r#"{"config": {}}"#).unwrap().initial_state, Target::Running);
        assert_eq!(parse(r#"{"initial_state": "paused", "config": {}}"#).unwrap().initial_state, Target::Paused);
        assert_eq!(parse("\u{feff}{\"config\": \"x\"}").unwrap().properties["config"], "x");
    }

    #[test]
    fn values_are_text_as_written() {
        let file =
            parse(r#"{"a": 3306, "b": true, "c": 1.50, "d": null, "e": "\u00e4", "f": 12345678901234567890123}"#);
        let properties = file.unwrap().properties;
        let values = ["a", "b", "c", "d", "e", "f"].map(|key| properties.get(key).map(String::as_str));
        let expected = [Some("3306"), Some("true"), Some("1.50"), None, Some("ä"), Some("12345678901234567890123")];
        assert_eq!(values, expected);
    }

    #[test]
    fn tells_what_is_wrong() {
        let broken = parse("{\n  \"a\": \"1\"\n  \"b\": 2\n}").unwrap_err();
        assert!(broken.contains("at line 3, column 3") && broken.contains("expected `,` or `}`"), "{broken}");
        assert!(parse("[1]").unwrap_err().contains("expected a JSON object"));
        assert!(parse("").unwrap_err().contains("one JSON object"));
        let both = parse(r#"{"a": [1], "b": {"c": 2}}"#).unwrap_err();
        assert!(both.contains("a: must be text") && both.contains("b: must be text"), "{both}");
        assert!(parse(r#"{"name": "x", "config": {"name": "y"}}"#).unwrap_err().contains("beside config"));
        assert!(parse(r#"{"name": 1, "config": {}}"#).unwrap_err().contains("name: must be text"));
        let state = parse(r#"{"initial_state": "GONE", "config": {}}"#).unwrap_err();
        assert!(state.contains("initial_state=\"\\\"GONE") && state.contains("\"PAUSED\""), "{state}");
    }

    #[test]
    fn warns_of_what_is_odd() {
        let file = parse(r#"{"name": "x", "confg": {}, "config": {"a": "1", "a": "2"}}"#).unwrap();
        let warnings: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.iter().any(|w| w.starts_with("a: is there twice")), "{warnings:?}");
        assert!(warnings.iter().any(|w| w.starts_with("confg: ")), "{warnings:?}");
        assert_eq!(file.properties["a"], "2");
    }
}
