//! Style is a test: what rustfmt and clippy do not see.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom: a module may use only those of earlier lines, and of its own.
const LAYERS: &[&[&str]] = &[
    &["data", "tls", "http"],
    &["event"],
    &["record", "config", "metrics", "loggers", "budget"],
    &["source", "transform", "convert", "sink", "offset"],
    &["connector"],
    &["runtime"],
    &["api"],
    &["daemon", "cli", "telemetry"],
];

/// Modules of one line that may use others of it.
const SIDEWAYS: &[(&str, &str)] = &[("cli", "daemon"), ("cli", "telemetry"), ("daemon", "telemetry")];

const LINES_MAX: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn sources() -> Vec<(PathBuf, String)> {
    let files =
        [root().join("src"), root().join("tests")].iter().flat_map(|folder| rust_files(folder)).collect::<Vec<_>>();
    assert!(files.len() > 20, "the sources are not where they were");
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn assert_none(what: &str, found: impl Iterator<Item = String>) {
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn files_are_short() {
    let long = sources().into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines", path.display()))
    });
    assert_none("files of more than 600 lines", long);
}

#[test]
fn every_module_says_what_it_is() {
    // Unit tests in a file of their own belong to the module whose name they have.
    let is_tests = |path: &Path| path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
    let silent = sources().into_iter().filter(|(path, text)| !is_tests(path) && !text.starts_with("//!"));
    assert_none("files without a module head", silent.map(|(path, _)| path.display().to_string()));
}

/// The module under `src` that a file belongs to; `None` for lib.rs and main.rs.
fn module(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root().join("src")).ok()?;
    let first = inside.iter().next()?.to_string_lossy().into_owned();
    let name = first.strip_suffix(".rs").unwrap_or(&first);
    let name = name.strip_suffix("_tests").unwrap_or(name);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// The modules named by `crate::…` in code, also within `crate::{…}`; comments and tests do not count.
fn used(text: &str) -> Vec<(usize, String)> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut used = Vec::new();
    for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.trim_end_matches("};").split(", ").collect(),
                None => vec![rest],
            };
            for name in names {
                let end = name.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(name.len());
                used.push((number + 1, name[..end].to_owned()));
            }
        }
    }
    used
}

#[test]
fn modules_use_only_lower_layers() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in sources() {
        let Some(module) = module(&path) else { continue };
        let Some(own) = layer(&module) else {
            wrong.push(format!("{}: the module {module} has no layer", path.display()));
            continue;
        };
        for (line, name) in used(&text).into_iter().filter(|(_, name)| *name != module) {
            seen += 1;
            let sideways = SIDEWAYS.iter().any(|(from, to)| *from == module && *to == name);
            if !sideways && layer(&name).is_none_or(|other| other >= own) {
                wrong.push(format!("{}:{line}: {module} may not use {name}", path.display()));
            }
        }
    }
    assert!(seen > 50, "uses are not found any more");
    assert_none("uses against the layers", wrong.into_iter());
}

#[test]
fn uses_are_found() {
    let text =
        "use crate::data::Row;\n// crate::api\nuse crate::{daemon, telemetry};\n#[cfg(test)]\nuse crate::sink::X;\n";
    let names: Vec<String> = used(text).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["data", "daemon", "telemetry"]);
}
