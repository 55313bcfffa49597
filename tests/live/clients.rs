//! Programs that others wrote for Kafka Connect, against the daemon: two clients from a package registry do what their own
//! pages show, and schemathesis tries every path of the OpenAPI document with whatever it makes up.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Database;
use crate::support::seconds;
use crate::support::server;

/// The Python that has them.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/stack");
        let run = |arguments: &[&str]| {
            let done = Command::new(&stack).args(arguments).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8(done.stdout).unwrap()
        };
        run(&["install", "rest-clients"]);
        PathBuf::from(run(&["path", "rest-clients"]).trim()).join("bin/python")
    })
}

/// What a program said that must end well.
#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "ended with {}:\n{said}", done.status);
    said
}

fn client(what: &str, daemon: &Daemon, addresses: &Value) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/rest_clients.py");
    let url = format!("http://127.0.0.1:{}", daemon.rest.port);
    succeeds(Command::new(python()).arg(script).args([what, &url, &addresses.to_string()]));
}

fn start(setup: &Setup) -> Daemon {
    let daemon = setup.start();
    daemon.says("the REST API listens", seconds(10));
    daemon
}

#[test]
fn kafka_connect_py_on_the_command_line() {
    let server = server::mysql80();
    // The page's names.
    let database = Database::create(server, "demo");
    database.session().execute("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)");
    let broker = server::kafka().address();
    let daemon = start(&Setup::new().set("bootstrap.servers", &broker));
    let addresses = json!({
        "SCHEMA_REGISTRY_URL": format!("http://{}/apis/ccompat/v7", server::registry().address()),
        "BOOTSTRAP_SERVERS": broker, "brokers": "1",
        "mysql_host": "127.0.0.1", "mysql_port": server.port.to_string(), "mysql_user": "dbz",
    });
    client("kc", &daemon, &addresses);
    daemon.stop(seconds(10));
}

#[test]
fn clients_in_python() {
    let database = Database::create(server::postgres(), "clients");
    database.session().execute("CREATE TABLE t (id int PRIMARY KEY)");
    for what in ["class", "cluster"] {
        let daemon = start(&Setup::new());
        client(what, &daemon, &json!({"config": database.connector(&json!({}))["config"]}));
        daemon.stop(seconds(10));
    }
}

/// Which answers are looked at. Not: whether a configuration that the document's schema allows is right, which a schema
/// cannot know; and whether 405 tells the methods that there are, which Connect does not.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

#[track_caller]
fn schemathesis(daemon: &Daemon, folder: &Path, examples: u32, more: &[&str]) -> String {
    let document = format!("http://127.0.0.1:{}/openapi.json", daemon.rest.port);
    let mut command = Command::new(python());
    command.current_dir(folder).args(["-m", "schemathesis.cli", "run", &document, "--checks", CHECKS]);
    command.args(["--seed", "1", "--max-examples", &examples.to_string(), "--request-timeout", "60"]).args(more);
    // 503 is what it is there for.
    command.args(["--exclude-operation-id", "getReadyz"]);
    succeeds(&mut command)
}

#[test]
fn nothing_that_schemathesis_makes_up_is_answered_in_an_undocumented_way() {
    let database = Database::create(server::postgres(), "schemathesis");
    database.session().execute("CREATE TABLE t (id int PRIMARY KEY)");
    let setup = Setup::new();
    let daemon = start(&setup);
    let folder = tempfile::tempdir().unwrap();
    let said = schemathesis(&daemon, folder.path(), 15, &[]);
    assert!(said.contains("Tested: 33"), "every operation of the document: {said}");
    // Most of that met a connector that is not there. So again, with one that is.
    daemon.rest.change("POST", "/connectors", &database.connector(&json!({})), 201);
    let parameters = "[parameters]\n\"path.connector\" = \"schemathesis\"\n\"path.task\" = 0\n\
                      \"path.plugin\" = \"PostgresConnector\"\n";
    std::fs::write(folder.path().join("schemathesis.toml"), parameters).unwrap();
    let said = schemathesis(&daemon, folder.path(), 15, &["--exclude-operation-id", "deleteConnector"]);
    assert!(said.contains("Tested: 32"), "{said}");
    assert!(daemon.rest.states("schemathesis").is_some(), "it is still there");
    daemon.stop(seconds(10));
}
