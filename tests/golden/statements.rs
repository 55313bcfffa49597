//! Cuts a script of statements and directives into steps, as `psql` and `mysql` would.

use std::time::Duration;

/// What a script asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// A statement, without its semicolon.
    Statement(String),
    /// `@sleep`
    Sleep(Duration),
    /// `@quiet`
    Quiet,
    /// `@wait`: until the topics hold so many records.
    Records(usize),
    /// Another directive.
    Other(String),
}

/// The steps of a script.
pub(super) fn steps(script: &str, is_postgres: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = script;
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("--") {
            let (line, after) = comment.split_once('\n').unwrap_or((comment, ""));
            steps.extend(line.trim().strip_prefix('@').map(directive));
            rest = after;
            continue;
        }
        let end = statement_end(rest, is_postgres);
        let statement = rest[..end].trim();
        if !statement.is_empty() {
            steps.push(Step::Statement(statement.to_owned()));
        }
        rest = rest[end..].strip_prefix(';').unwrap_or_default();
    }
    steps
}

fn directive(text: &str) -> Step {
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or_else(|_| panic!("@{text}"));
    match text.split_once(' ').unwrap_or((text, "")) {
        ("sleep", pause) => Step::Sleep(Duration::from_secs(number(pause))),
        ("quiet", _) => Step::Quiet,
        ("wait", records) => Step::Records(usize::try_from(number(records)).unwrap()),
        _ => Step::Other(text.to_owned()),
    }
}

/// Where the semicolon stands that ends the statement: outside of quotes, comments and dollar quotes.
fn statement_end(text: &str, is_postgres: bool) -> usize {
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let rest = &text[at..];
        let skip_to =
            |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |found| from + found + end.len());
        at += match character {
            ';' => return at,
            '\'' | '"' | '`' => quoted_length(rest, character, !is_postgres),
            '-' if rest.starts_with("-- ") => skip_to(2, "\n"),
            '/' if rest.starts_with("/*") => skip_to(2, "*/"),
            '$' if is_postgres => match dollar_tag(rest) {
                Some(tag) => skip_to(tag.len(), tag),
                None => 1,
            },
            _ => character.len_utf8(),
        };
    }
    text.len()
}

/// The length of a quoted text; a doubled quote begins the next one, which comes to the same.
fn quoted_length(text: &str, quote: char, backslash_escapes: bool) -> usize {
    let mut escaped = false;
    for (place, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' if backslash_escapes && quote != '`' => escaped = true,
            _ if character == quote => return place + 1,
            _ => {}
        }
    }
    text.len()
}

/// `$tag$` at the beginning.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 2;
    text[1..end - 1].chars().all(|character| character.is_alphanumeric() || character == '_').then(|| &text[..end])
}

#[test]
fn a_script_is_cut_at_its_own_semicolons() {
    let script = "INSERT INTO t VALUES ('a;''b', \"c;\");\n-- @quiet\nDO $x$ BEGIN; END $x$; -- no step\n-- @sleep 2\n\
                  SELECT '\\'; SELECT $1; /* ; */ SELECT 2;\n-- @wait 7\n-- @rest GET /";
    let statement = |text: &str| Step::Statement(text.to_owned());
    let expected = [
        statement("INSERT INTO t VALUES ('a;''b', \"c;\")"),
        Step::Quiet,
        statement("DO $x$ BEGIN; END $x$"),
        Step::Sleep(Duration::from_secs(2)),
        statement("SELECT '\\'"),
        statement("SELECT $1"),
        statement("/* ; */ SELECT 2"),
        Step::Records(7),
        Step::Other("rest GET /".to_owned()),
    ];
    assert_eq!(steps(script, true), expected);
    let mysql = steps("SELECT '\\';', `a\\`;SELECT \"\\\\\";", false);
    assert_eq!(mysql, [statement("SELECT '\\';', `a\\`"), statement("SELECT \"\\\\\"")]);
}
