//! A regular expression and what it makes of a text: the way Debezium's routers and naming strategies name topics.

use fancy_regex::Regex;

use super::Reader;
use super::java_regex::{Replacement, whole};

/// What a text becomes that matches as a whole: Java's `matches`, then `replaceFirst`, which searches anew.
#[derive(Clone, Debug)]
pub struct Rewrite {
    whole: Regex,
    regex: Regex,
    replacement: Replacement,
}

impl Rewrite {
    /// Reads an expression and its replacement from their keys. What is wrong becomes a problem of the reader, and `None`.
    pub fn read(read: &mut Reader<'_>, expression: &'static str, replacement: &'static str) -> Option<Self> {
        let (pattern, text) = (read.text(expression), read.text(replacement));
        let compiled = Regex::new(&pattern).and_then(|regex| Ok((whole(&pattern)?, regex)));
        let (whole, regex) = match compiled {
            Ok(compiled) => compiled,
            Err(error) => {
                read.problem(expression, Some(pattern), &format!("is no regular expression: {error}"));
                return None;
            }
        };
        match Replacement::parse(&text, &regex) {
            Ok(replacement) => Some(Self { whole, regex, replacement }),
            Err(reason) => {
                read.problem(replacement, Some(text), &reason);
                None
            }
        }
    }

    /// [`Rewrite::read`], if the expression is set; then its replacement must be, too.
    pub fn read_if_set(read: &mut Reader<'_>, expression: &'static str, replacement: &'static str) -> Option<Self> {
        read.text_opt(expression)?;
        if read.text_opt(replacement).is_none() {
            read.problem(replacement, None, &format!("must be set where {expression} is"));
        }
        Self::read(read, expression, replacement)
    }

    /// What becomes of the text; `None`: it does not match. An expression that backtracks without end matches nothing.
    #[must_use]
    pub fn apply(&self, text: &str) -> Option<String> {
        if !self.whole.is_match(text).unwrap_or(false) {
            return None;
        }
        let captures = self.regex.captures(text).ok().flatten()?;
        Some(self.replacement.replace_first(text, &captures))
    }
}
