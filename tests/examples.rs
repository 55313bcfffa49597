//! Every file of `connectors/` and `config/` loads and validates, so that the examples cannot rot.

use std::path::{Path, PathBuf};
use std::process::Command;

use rowtide::config::Worker;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Folders beside them are for other programs.
    files.retain(|file| file.is_file());
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The names of `${env:…}` in a text.
fn variables(text: &str) -> Vec<&str> {
    text.split("${env:").skip(1).filter_map(|rest| rest.split('}').next()).collect()
}

#[test]
fn connectors_validate_strictly() {
    for file in files("connectors") {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowtide"));
        let text = std::fs::read_to_string(&file).unwrap();
        // Whatever they stand for must do as a port too.
        command.envs(variables(&text).into_iter().map(|name| (name, "1234")));
        let output = command.args(["validate", "--strict"]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
    }
}

#[test]
fn worker_files_load_without_a_word() {
    for file in files("config") {
        let worker = Worker::load(std::slice::from_ref(&file), [], &[]).unwrap();
        assert!(worker.warnings.is_empty(), "{}: {:?}", file.display(), worker.warnings);
    }
}

#[test]
fn the_default_file_shows_the_defaults() {
    let built_in = Worker::load(&[], [], &[]).unwrap();
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/default.toml");
    assert_eq!(Worker::load(&[default], [], &[]).unwrap().properties, built_in.properties);
    // And it shows all of them.
    let shown = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/default.toml")).unwrap();
    for key in built_in.properties.keys().filter(|key| !key.starts_with("log.")) {
        assert!(shown.contains(&format!("\"{key}\" = ")), "{key}");
    }
}
