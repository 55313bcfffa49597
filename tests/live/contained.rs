//! The daemon as it stands in its image (`tests/stack/contained`): no engine is needed for what matters of one.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::database::Database;
use crate::support::reader::Reader;
use crate::support::rest::Rest;
use crate::support::{free_port, seconds, server, wait_for, wait_until};

/// The image's user.
const USER: u32 = 65532;

/// The daemon in its container, killed when dropped.
struct Contained(Child);

impl Contained {
    /// The daemon's own process: the only child of the one that made the namespaces.
    fn pid(&self) -> Option<u32> {
        let outer = self.0.id();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
        let pid = children.split_whitespace().next()?.parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "rowtide").then_some(pid)
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a probe of Kubernetes sees.
fn probe(port: u16, path: &str) -> u16 {
    let url = format!("http://127.0.0.1:{port}{path}");
    let done = Command::new("curl").args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &url]).output().unwrap();
    String::from_utf8(done.stdout).unwrap().parse().unwrap()
}

/// Mounts need root; so does the image's user.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn as_in_the_image() {
    if !is_root() {
        eprintln!("not tested: the image's layout needs root for its mounts");
        return;
    }
    let database = Database::create(server::postgres(), "contained");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    let folder = tempfile::tempdir().unwrap();
    let (root, volume, file) = (folder.path().join("root"), folder.path().join("volume"), folder.path().join("c.json"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&volume).unwrap();
    fs::write(&file, database.connector(&json!({})).to_string()).unwrap();
    let (port, project) = (free_port(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let child = Command::new(project.join("tests/stack/contained"))
        .args([&root, &volume, Path::new(env!("CARGO_BIN_EXE_rowtide"))])
        .args([&project.join("config/production.toml"), &file])
        .env("ROWTIDE_LISTENERS", format!("http://127.0.0.1:{port}"))
        .env("ROWTIDE_BOOTSTRAP_SERVERS", server::kafka().address())
        .stdin(Stdio::null())
        .stderr(fs::File::create(folder.path().join("log")).unwrap())
        .spawn();
    let mut contained = Contained(child.unwrap());
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    let pid = wait_for("the daemon runs", seconds(60), || contained.pid());
    wait_until("it has started", seconds(60), || probe(port, "/startupz") == 200);
    wait_until("it is ready", seconds(30), || probe(port, "/readyz") == 200);
    assert_eq!(probe(port, "/livez"), 200);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let is = |name: &str, value: &str| {
        status.lines().any(|line| line.split_whitespace().eq(std::iter::once(name).chain(value.split(' '))))
    };
    assert!(is("Uid:", &format!("{USER} {USER} {USER} {USER}")) && is("CapEff:", "0000000000000000"), "{status}");
    assert!(is("NoNewPrivs:", "1"), "{status}");
    let mut reader = Reader::new(server::kafka(), "contained.");
    wait_until("the row arrives", seconds(30), || !reader.read().is_empty());
    // It is the first process of its namespace, which gets no signal that it does not handle.
    let done = Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap();
    assert!(done.success());
    let status = wait_for("it ends", seconds(60), || contained.0.try_wait().unwrap());
    assert!(status.success(), "{status}: {}", log());
    let written: Vec<_> = fs::read_dir(&volume).unwrap().map(|entry| entry.unwrap()).collect();
    assert!(written.iter().all(|entry| entry.metadata().unwrap().uid() == USER), "{written:?}");
    let rest = Rest { port };
    assert_eq!(rest.get("/"), None);
}
