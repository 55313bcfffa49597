//! Reads declared keys out of properties, and collects every problem instead of stopping at the first.

use std::str::FromStr;

use super::problem::did_you_mean;
use super::properties::is_secret;
use super::{Key, KeyKind, Problem, Problems, Properties, Secret};

/// Reads properties by their declared keys. What it cannot read becomes a problem and a zero value; [`Reader::finish`]
/// gives the struct only if there was none.
pub struct Reader<'a> {
    properties: &'a Properties,
    keys: &'a [&'a [Key]],
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader of these properties; `keys` are the lists that declare them.
    #[must_use]
    pub const fn new(properties: &'a Properties, keys: &'a [&'a [Key]]) -> Self {
        Self { properties, keys, problems: Vec::new() }
    }

    /// Text; empty when it is not set and has no default.
    pub fn text(&mut self, name: &'static str) -> String {
        self.text_opt(name).unwrap_or_default()
    }

    /// Text, if set or with a default. White space around it is cut; an empty value counts as not set.
    pub fn text_opt(&mut self, name: &'static str) -> Option<String> {
        let key = self.key(name);
        let value = self.properties.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let Some(value) = value else {
            if key.required {
                self.problem(name, None, "is required");
            }
            return key.default.map(str::to_owned);
        };
        if !key.values.is_empty() && !key.values.iter().any(|known| known.eq_ignore_ascii_case(value)) {
            let meant = did_you_mean(value, key.values.iter().copied());
            self.problem(name, Some(value.to_owned()), &format!("must be one of {}{meant}", key.values.join(", ")));
            return key.default.map(str::to_owned);
        }
        Some(value.to_owned())
    }

    /// Text, if set or with a default; an empty value is one.
    pub fn maybe_empty_opt(&mut self, name: &'static str) -> Option<String> {
        match self.properties.get(name) {
            Some(value) if value.trim().is_empty() => Some(String::new()),
            _ => self.text_opt(name),
        }
    }

    /// One of the key's values, in lower case.
    pub fn choice(&mut self, name: &'static str) -> String {
        self.text(name).to_ascii_lowercase()
    }

    /// A secret.
    pub fn secret(&mut self, name: &'static str) -> Option<Secret> {
        self.text_opt(name).map(Secret::new)
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &'static str) -> bool {
        let Some(value) = self.text_opt(name) else { return false };
        match value.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                self.problem(name, Some(value), "must be true or false");
                false
            }
        }
    }

    /// A number; zero when it is not set and has no default.
    pub fn number<T: FromStr + Default>(&mut self, name: &'static str) -> T {
        self.number_opt(name).unwrap_or_default()
    }

    /// A number, if set or with a default.
    pub fn number_opt<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        let value = self.text_opt(name)?;
        if let Ok(number) = value.parse() {
            return Some(number);
        }
        self.problem(name, Some(value), "must be a whole number in range");
        None
    }

    /// A comma-separated list; `\,` is a comma within an entry.
    pub fn list(&mut self, name: &'static str) -> Vec<String> {
        self.text_opt(name).map(|value| entries(&value)).unwrap_or_default()
    }

    /// Keys that start with `prefix`, without it.
    #[must_use]
    pub fn family(&self, prefix: &str) -> Properties {
        let family = self.properties.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        family.map(|(key, value)| (key[prefix.len()..].to_owned(), value.clone())).collect()
    }

    /// Adds a problem of a key; its value is left out if the key is a secret.
    pub fn problem(&mut self, name: &str, value: Option<String>, reason: &str) {
        let problem = Problem::new(name, reason);
        let value = value.filter(|_| !is_secret(name, self.keys));
        self.problems.push(match value {
            Some(value) => problem.with_value(value),
            None => problem,
        });
    }

    /// What was read, unless there was a problem.
    ///
    /// # Errors
    /// All problems.
    pub fn finish<T>(self, config: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(config) } else { Err(Problems(self.problems)) }
    }

    fn key(&self, name: &'static str) -> Key {
        let declared = self.keys.iter().flat_map(|keys| keys.iter()).find(|key| key.name == name);
        debug_assert!(declared.is_some(), "key {name} is read but not declared");
        declared.copied().unwrap_or(Key::new(name, KeyKind::String, ""))
    }
}

/// The entries of a comma-separated list; `\,` is a comma within one.
#[must_use]
pub fn entries(list: &str) -> Vec<String> {
    let mut entries = Vec::new();
    let mut entry = String::new();
    let mut characters = list.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => entries.push(std::mem::take(&mut entry)),
            // A backslash takes the next character with it, so that an escaped backslash escapes no comma.
            '\\' => match characters.next() {
                Some(',') => entry.push(','),
                escaped => entry.extend(std::iter::once(character).chain(escaped)),
            },
            _ => entry.push(character),
        }
    }
    entries.push(entry);
    entries.into_iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[Key] = &[
        Key::new("host", KeyKind::String, "").required(),
        Key::new("port", KeyKind::Int, "").default("5432"),
        Key::new("mode", KeyKind::String, "").one_of(&["initial", "no_data"]).default("initial"),
        Key::new("flag", KeyKind::Boolean, "").default("true"),
        Key::new("names", KeyKind::List, ""),
        Key::new("salt", KeyKind::Password, ""),
    ];

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn reads_values_and_defaults() {
        let properties = properties(&[("host", " h "), ("mode", "NO_DATA"), ("names", r"a, b\,c,,d "), ("port", "")]);
        let mut reader = Reader::new(&properties, &[KEYS]);
        assert_eq!((reader.text("host").as_str(), reader.number::<u16>("port")), ("h", 5432));
        assert_eq!((reader.choice("mode").as_str(), reader.flag("flag")), ("no_data", true));
        assert_eq!(reader.list("names"), ["a", "b,c", "d"]);
        assert_eq!(reader.finish(()), Ok(()));
    }

    #[test]
    fn a_backslash_escapes_a_comma_and_itself() {
        assert_eq!(entries(r"a\\,b\.c\,d,\"), [r"a\\", r"b\.c,d", r"\"]);
    }

    #[test]
    fn tells_every_problem_and_no_secret() {
        let properties = properties(&[("port", "70000"), ("mode", "no_dat"), ("flag", "yes"), ("salt", "s3cret")]);
        let mut reader = Reader::new(&properties, &[KEYS]);
        let _ = (reader.text("host"), reader.number::<u16>("port"), reader.choice("mode"), reader.flag("flag"));
        reader.problem("salt", Some("s3cret".to_owned()), "is too short");
        let problems = reader.finish(()).unwrap_err().to_string();
        let expected = [
            "host: is required",
            "port=\"70000\": must be a whole number in range",
            "mode=\"no_dat\": must be one of initial, no_data; did you mean \"no_data\"?",
            "flag=\"yes\": must be true or false",
            "salt: is too short",
        ];
        assert!(problems.lines().eq(expected), "{problems}");
    }

    #[test]
    fn a_family_is_without_its_prefix() {
        let properties =
            properties(&[("producer.a", "1"), ("producer.b", "2"), ("producer", "3"), ("producers.c", "4")]);
        let family = Reader::new(&properties, &[]).family("producer.");
        assert!(family.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq([("a", "1"), ("b", "2")]));
    }
}
