//! Placeholders in values: `${env:NAME}`, `${file:PATH:KEY}`, `${dir:PATH:KEY}`, as Kafka Connect's configuration
//! providers for environment variables, properties files and directories resolve them
//! (`org.apache.kafka.common.config.ConfigTransformer`). Who they are is told in [`super::providers`].
//!
//! Invariant: what stood behind a placeholder is never shown. Who shows a property shows it as it was written, and
//! problems of a resolved property go through [`conceal`] first.

use super::{Problem, Properties};

/// Whether the value holds a placeholder.
#[must_use]
pub fn is_in(value: &str) -> bool {
    pieces(value).iter().any(|piece| matches!(piece, Piece::Placeholder(_)))
}

/// Whether the value is made of placeholders only, so that it shows nothing.
#[must_use]
pub fn is_all_of(value: &str) -> bool {
    let pieces = pieces(value.trim());
    !pieces.is_empty() && pieces.iter().all(|piece| matches!(piece, Piece::Placeholder(_)))
}

/// Takes out of problems what stood behind placeholders: the value is shown as it was written.
pub fn conceal(problems: &mut [Problem], written: &Properties, resolved: &Properties) {
    for problem in problems {
        let Some(value) = written.get(&problem.key).filter(|value| is_in(value)) else { continue };
        if problem.value.is_some() {
            problem.value = Some(value.clone());
        }
        if let Some(hidden) = resolved.get(&problem.key).map(|hidden| hidden.trim()).filter(|hidden| !hidden.is_empty())
        {
            problem.reason = problem.reason.replace(hidden, value);
        }
    }
}

/// A part of a value.
pub(super) enum Piece<'a> {
    /// Text as it is.
    Text(&'a str),
    /// What stands between the braces.
    Placeholder(&'a str),
}

/// Cuts a value into text and placeholders. `${name}` without a colon is text: transforms use it.
pub(super) fn pieces(value: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut text_start = 0;
    let mut search = 0;
    while let Some(open) = value[search..].find("${").map(|at| search + at) {
        let Some(close) = value[open..].find('}').map(|at| open + at) else { break };
        let inner = &value[open + 2..close];
        search = close + 1;
        if inner.contains(':') {
            if text_start < open {
                pieces.push(Piece::Text(&value[text_start..open]));
            }
            pieces.push(Piece::Placeholder(inner));
            text_start = search;
        }
    }
    if text_start < value.len() {
        pieces.push(Piece::Text(&value[text_start..]));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::providers::Providers;
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_problem_shows_the_placeholder() {
        let written = properties(&[("database.port", "${env:PATH}"), ("name", "a")]);
        let (resolved, none) = Providers::default().resolve_all(&written);
        assert!(none.is_empty());
        let path = std::env::var("PATH").unwrap();
        let mut problems = [
            Problem::new("database.port", format!("{path} is no number")).with_value(&path),
            Problem::new("name", "b"),
        ];
        conceal(&mut problems, &written, &resolved);
        assert_eq!(problems[0].to_string(), "database.port=\"${env:PATH}\": ${env:PATH} is no number");
    }

    #[test]
    fn knows_a_value_that_shows_nothing() {
        assert!(is_all_of("${env:A}") && is_all_of("${env:A}${env:B}"));
        assert!(!is_all_of("x${env:A}") && !is_all_of("") && !is_all_of("${A}"));
    }
}
