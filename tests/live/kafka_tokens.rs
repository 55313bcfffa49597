//! A broker that takes signed tokens only, and looks into them with Kafka's own validator; and an identity provider that gives
//! them. Producer, admin client and consumer log in with them.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::certificates::Certificates;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::exposition::Metrics;
use crate::support::issuer::{CLIENT, Issuer};
use crate::support::reader::Reader;
use crate::support::server::{self, Server};
use crate::support::{free_port, seconds, tunnel, wait_for, wait_until};

const BEARER: &str = "org.apache.kafka.common.security.oauthbearer";

/// A secret with all that has a meaning somewhere on its way.
const SECRET: &str = "plugh+&=: %-xyzzy";

/// The broker, and where it asks for tokens.
fn broker(issuer: &Issuer, name: &str) -> (Server, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let keys = format!("http://{}/keys", issuer.address);
    let settings = [
        format!("jvm=-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"),
        format!("more.listeners=TOKENS://{address}"),
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,TOKENS:SASL_PLAINTEXT".to_owned(),
        "listener.name.tokens.sasl.enabled.mechanisms=OAUTHBEARER".to_owned(),
        format!("listener.name.tokens.oauthbearer.sasl.jaas.config={BEARER}.OAuthBearerLoginModule required;"),
        format!(
            "listener.name.tokens.oauthbearer.sasl.server.callback.handler.class={BEARER}.OAuthBearerValidatorCallbackHandler"
        ),
        format!("listener.name.tokens.oauthbearer.sasl.oauthbearer.jwks.endpoint.url={keys}"),
        "listener.name.tokens.oauthbearer.sasl.oauthbearer.expected.audience=kafka".to_owned(),
        "listener.name.tokens.oauthbearer.sasl.oauthbearer.expected.issuer=the-issuer".to_owned(),
        // A connection ends with its token, unless it is shown a new one.
        "listener.name.tokens.oauthbearer.connections.max.reauth.ms=3600000".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    (Server::own("kafka", name, &settings), address)
}

fn jaas(options: &str) -> String {
    format!("{BEARER}.OAuthBearerLoginModule required {options};")
}

fn setup(address: &str) -> Setup {
    Setup::new()
        .set("bootstrap.servers", address)
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "OAUTHBEARER")
        .set("sasl.login.callback.handler.class", &format!("{BEARER}.secured.OAuthBearerLoginCallbackHandler"))
}

fn connector(database: &Database<'_>, name: &str, more: &Value) -> Value {
    let mut keys = json!({"slot.name": name, "publication.name": name, "topic.prefix": name,
        "topic.creation.default.partitions": 1, "topic.creation.default.replication.factor": 1});
    for (key, value) in more.as_object().unwrap() {
        keys[key] = value.clone();
    }
    let mut file = database.connector(&keys);
    file["name"] = json!(name);
    file
}

#[track_caller]
fn wait_for_row(reader: &mut Reader, what: &str, id: i64) {
    wait_until(what, seconds(90), || reader.read().iter().any(|record| record.key_json()["id"] == id));
}

/// Writes a file that is read again and again: nobody finds it empty, or the half of it.
fn write_whole(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

#[test]
fn tokens_are_got_shown_and_renewed() {
    // A client has a fifth of that, four seconds, to show the next token before its connection ends.
    let issuer = Issuer::start(SECRET, 20);
    let (broker, address) = broker(&issuer, "tokens");
    let database = Database::create(server::postgres(), "kafka_tokens");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, dest int)");
    session.execute("INSERT INTO t VALUES (1, NULL), (2, 7)");
    let url = format!("http://{}/token", issuer.address);
    let login = jaas(&format!("clientId=\"{CLIENT}\" clientSecret=\"{SECRET}\" scope=\"all of it\""));
    // One record fails, so that there is a dead letter to be read.
    let more = json!({"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.unwrap.route.by.field": "dest", "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "letters", "errors.deadletterqueue.topic.replication.factor": 1});
    let file = connector(&database, "by_token", &more);
    let setup = setup(&address)
        .set("sasl.oauthbearer.token.endpoint.url", &url)
        .set("sasl.jaas.config", &login)
        .connector(&file);
    let daemon = setup.start();
    let mut reader = Reader::new(&broker, "by_token.");
    // The producer, the probe and so on have tokens of their own; each is renewed several times here, rows come all the while.
    for id in 11..=14 {
        let before = issuer.given();
        wait_until("tokens are renewed", seconds(60), || issuer.given() >= before + 2);
        session.execute(&format!("INSERT INTO t VALUES ({id}, NULL)"));
        wait_for_row(&mut reader, "the row is there", id);
    }
    let mut ids: Vec<_> = reader.records.iter().filter_map(|record| record.key_json()["id"].as_i64()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, [1, 11, 12, 13, 14]);
    daemon.reaches("by_token", "RUNNING", seconds(20));
    Metrics::wait(daemon.rest, "the brokers are reached", seconds(20), |metrics| {
        metrics.find("rowtide_brokers_reachable", &[]) == Some(1.0)
    });
    assert!(issuer.asked().iter().all(|body| body == "grant_type=client_credentials&scope=all+of+it"));
    let log = daemon.log();
    // A slow broker may be waited for, one that does not let us in may not.
    let refuses = |line: &str| ["SASL", "uthentic", "token"].iter().any(|word| line.contains(word));
    let troubled =
        |line: &&str| line.contains("token for Kafka") || line.contains("waiting for the brokers") && refuses(line);
    assert_eq!(log.lines().find(troubled), None);
    daemon.stop(seconds(20));
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowtide"));
    command.args(["dead-letters", "list", "--set", &format!("bootstrap.servers={address}")]);
    for (key, value) in [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "OAUTHBEARER")] {
        command.args(["--set", &format!("{key}={value}")]);
    }
    command.args(["--set", &format!("sasl.oauthbearer.token.endpoint.url={url}")]);
    command.args(["--set", &format!("sasl.jaas.config={login}")]).arg(setup.path("by_token.json"));
    let done = command.output().unwrap();
    let listed = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && listed.contains("by_token"), "{done:?}");
}

#[test]
fn who_gets_no_token_is_told_why() {
    let issuer = Issuer::start(SECRET, 3600);
    let (broker, address) = broker(&issuer, "no-token");
    let database = Database::create(server::postgres(), "kafka_no_token");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    let certificates = Certificates::new();
    let port = tunnel::to(&certificates, issuer.port());
    let url = format!("https://127.0.0.1:{port}/token");
    let setup = setup(&address).set("sasl.oauthbearer.token.endpoint.url", &url);
    // The secret of a file, and an endpoint that asks for our certificate.
    let file = setup.path("client.properties");
    let write = |secret: &str| write_whole(&file, &format!("secret={secret}\n"));
    write("wrong-frotz");
    let options = |store: &str| {
        format!(
            "clientId=\"{CLIENT}\" clientSecret=\"${{file:{}:secret}}\" ssl.truststore.type=\"PEM\" \
             ssl.truststore.location=\"{}\" ssl.keystore.type=\"PEM\" ssl.keystore.location=\"{}\"",
            file.display(),
            certificates.path("ca.crt"),
            certificates.path(store),
        )
    };
    let with = |name: &str, store: &str| {
        connector(&database, name, &json!({"producer.override.sasl.jaas.config": jaas(&options(store))}))
    };
    // The worker's own clients need a login too.
    let login = jaas(&format!("clientId=\"{CLIENT}\" clientSecret=\"{SECRET}\""));
    let setup = setup.set("sasl.jaas.config", &login).set("log.level", "trace");
    // The stranger never delivers what it has.
    let setup = setup.set("task.shutdown.graceful.timeout.ms", "5000");
    let setup = setup.connector(&with("mended", "client.pem")).connector(&with("stranger", "stranger.pem"));
    let daemon = setup.start();
    let begun = Instant::now();
    // Each new run takes the trace away for a while.
    let trace_with = |words: &[&str]| {
        let (_, trace) = daemon.rest.task("mended")?;
        words.iter().all(|word| trace.contains(word)).then_some(trace)
    };
    let told = wait_for("the provider's refusal is told", seconds(60), || trace_with(&["invalid_client"]));
    for word in [url.as_str(), "answered 401 (invalid_client: not for rowtide:********)", "sasl.jaas.config"] {
        assert!(told.contains(word), "{word:?} is missing in {told}");
    }
    let (refused, most) = (issuer.refused(), 40 + 2 * begun.elapsed().as_secs());
    write(SECRET);
    let mut reader = Reader::new(&broker, "mended.");
    wait_until("a row comes with the right secret", seconds(60), || !reader.read().is_empty());
    // An endpoint that is out of reach may come back: it is waited for, and the log says so.
    daemon.says("cannot be reached", seconds(30));
    assert!((refused as u64) < most, "the provider was asked {refused} times");
    // The broker looks into tokens: one that somebody else signed is none.
    issuer.set_forges(true);
    daemon.rest.change("POST", "/connectors/mended/restart?includeTasks=true", &Value::Null, 202);
    session.execute("INSERT INTO t VALUES (2)");
    let forged = ["SASL authentication error", "invalid_token"];
    wait_for("the broker refuses a forged token", seconds(60), || trace_with(&forged));
    issuer.set_forges(false);
    let mut reader = Reader::new(&broker, "mended.");
    wait_for_row(&mut reader, "rows come with genuine tokens", 2);
    // The provider is away for a while when a new run needs a token.
    issuer.set_down(true);
    daemon.rest.change("POST", "/connectors/mended/restart?includeTasks=true", &Value::Null, 202);
    session.execute("INSERT INTO t VALUES (3)");
    daemon.says("answered 503 (temporarily_unavailable", seconds(30));
    issuer.set_down(false);
    wait_for_row(&mut reader, "rows come when the provider is back", 3);
    let log = daemon.log();
    for secret in ["wrong-frotz", SECRET, "plugh", "eyJ"] {
        let leak = log.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "{secret:?} is told");
    }
    daemon.terminate();
    daemon.ended(seconds(60));
}
