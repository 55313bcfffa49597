//! A registry that is reached over TLS and asks for the client's certificate: the real one, behind a tunnel.

use serde_json::{Value, json};

use crate::support::certificates::Certificates;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::reader::Reader;
use crate::support::registry::Registry;
use crate::support::{seconds, server, tunnel};

/// What a connector file says of a registry at that port, who checks it and who we are.
fn connector(database: &Database<'_>, port: u16, certificates: &Certificates, client: &str) -> Value {
    let mut more = json!({"retriable.restart.connector.wait.ms": 1000});
    for part in ["key", "value"] {
        let converter = format!("{part}.converter");
        let registry = format!("{converter}.schema.registry");
        more[converter] = "io.confluent.connect.avro.AvroConverter".into();
        more[format!("{registry}.url")] = format!("https://127.0.0.1:{port}/apis/ccompat/v7").into();
        more[format!("{registry}.ssl.truststore.type")] = "PEM".into();
        more[format!("{registry}.ssl.truststore.location")] = certificates.path("ca.crt").into();
        if !client.is_empty() {
            more[format!("{registry}.ssl.keystore.type")] = "PEM".into();
            more[format!("{registry}.ssl.keystore.location")] = certificates.path(client).into();
        }
    }
    database.connector(&more)
}

#[test]
fn a_registry_that_asks_for_a_certificate() {
    let certificates = Certificates::new();
    let registry = server::registry();
    let port = tunnel::to(&certificates, registry.port);
    let database = Database::create(server::postgres(), "registry_tls");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (7)");
    let setup = |client: &str| {
        let file = connector(&database, port, &certificates, client);
        Setup::new().connector(&file).set("bootstrap.servers", &server::kafka().address())
    };
    // Without a certificate, and with one that the registry does not know, nothing gets through, and the trace says so.
    for client in ["", "stranger.pem"] {
        let daemon = setup(client).start();
        let trace = daemon.reaches("registry_tls", "FAILED", seconds(60));
        assert!(trace.contains("TLS: ") && trace.contains("schema.registry.ssl.keystore.location"), "{trace}");
        daemon.kill();
    }
    let daemon = setup("client.pem").start();
    let mut reader = Reader::new(server::kafka(), "registry_tls.");
    reader.read_until(&daemon, "the row is there", seconds(60), |records| !records.is_empty());
    let key = Registry::of(registry).decode(reader.records[0].key.as_ref().unwrap());
    assert_eq!(key["id"], 7);
    daemon.stop(seconds(10));
}
