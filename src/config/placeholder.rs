//! Placeholders in values: `${env:NAME}`, `${file:PATH:KEY}`, `${dir:PATH:KEY}`, as Kafka Connect's configuration
//! providers for environment variables, properties files and directories resolve them
//! (`org.apache.kafka.common.config.ConfigTransformer`).
//!
//! Invariant: what stood behind a placeholder is never shown. Who shows a property shows it as it was written, and
//! problems of a resolved property go through [`conceal`] first.

use std::path::Path;

use super::{Problem, Properties, java};

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

/// The properties with every placeholder replaced by what it stands for, and without white space around them, which counts
/// for Kafka Connect neither. One that stands for nothing is a problem, and its
/// property is left out.
#[must_use]
pub fn resolve_all(written: &Properties) -> (Properties, Vec<Problem>) {
    let mut resolved = Properties::new();
    let mut problems = Vec::new();
    for (key, value) in written {
        match resolve(value) {
            Ok(value) => drop(resolved.insert(key.clone(), value.trim().to_owned())),
            Err(reason) => problems.push(Problem::new(key, reason)),
        }
    }
    (resolved, problems)
}

/// The value with its placeholders replaced.
///
/// # Errors
/// What is missing, in words; never the value.
pub fn resolve(value: &str) -> Result<String, String> {
    pieces(value)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => Ok(text.to_owned()),
            Piece::Placeholder(inner) => {
                look_up(inner).map_err(|reason| format!("cannot resolve ${{{inner}}}: {reason}"))
            }
        })
        .collect()
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

enum Piece<'a> {
    Text(&'a str),
    /// What stands between the braces.
    Placeholder(&'a str),
}

/// Cuts a value into text and placeholders. `${name}` without a colon is text: transforms use it.
fn pieces(value: &str) -> Vec<Piece<'_>> {
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

fn look_up(inner: &str) -> Result<String, String> {
    let (provider, rest) = inner.split_once(':').unwrap_or((inner, ""));
    match provider {
        "env" => std::env::var(rest).map_err(|_| format!("the environment variable {rest} is not set")),
        "file" => {
            let (path, key) = path_and_key(rest)?;
            let text = read(Path::new(path))?;
            java::parse(&text).remove(key).ok_or_else(|| format!("the file {path} has no key {key}"))
        }
        "dir" => {
            let (path, key) = path_and_key(rest)?;
            if key.contains(['/', '\\']) || key == ".." {
                return Err(format!("{key:?} is not the name of a file in {path}"));
            }
            read(&Path::new(path).join(key)).map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        }
        _ => Err(format!("there is no provider {provider:?}; there are env, file and dir")),
    }
}

fn path_and_key(rest: &str) -> Result<(&str, &str), String> {
    match rest.split_once(':') {
        Some((path, key)) if !path.is_empty() && !key.is_empty() => Ok((path, key)),
        _ => Err("write ${file:PATH:KEY} or ${dir:PATH:KEY}".to_owned()),
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn resolves_files_directories_and_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        std::fs::write(folder.path().join("db.properties"), "user=dbz\npassword=s3cret\n").unwrap();
        std::fs::write(folder.path().join("token"), "t0ken\n").unwrap();
        assert_eq!(resolve(&format!("${{file:{path}/db.properties:password}}")).unwrap(), "s3cret");
        assert_eq!(
            resolve(&format!("a-${{dir:{path}:token}}-${{file:{path}/db.properties:user}}")).unwrap(),
            "a-t0ken-dbz"
        );
        assert_eq!(resolve("${env:PATH}").unwrap(), std::env::var("PATH").unwrap());
        assert_eq!(resolve("outbox.${routedByValue} ${").unwrap(), "outbox.${routedByValue} ${");
    }

    #[test]
    fn tells_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        std::fs::write(folder.path().join("db.properties"), "password=s3cret\n").unwrap();
        let missing = resolve(&format!("${{file:{path}/db.properties:pasword}}")).unwrap_err();
        assert!(missing.contains("has no key pasword") && !missing.contains("s3cret"), "{missing}");
        assert!(resolve("${env:ROWTIDE_NOT_SET_ANYWHERE}").unwrap_err().contains("is not set"));
        assert!(resolve("${vault:a:b}").unwrap_err().contains("there are env, file and dir"));
        assert!(resolve("${file:a}").unwrap_err().contains("${file:PATH:KEY}"));
        assert!(resolve(&format!("${{dir:{path}:../x}}")).unwrap_err().contains("not the name of a file"));
    }

    #[test]
    fn a_problem_shows_the_placeholder() {
        let written = properties(&[("database.port", "${env:PATH}"), ("name", "a")]);
        let (resolved, none) = resolve_all(&written);
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
