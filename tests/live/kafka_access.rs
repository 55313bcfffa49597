//! A broker that wants to know who comes: every mechanism of SASL that we have, TLS, and clients' certificates, each by the
//! Java client's names, at a listener that takes nothing else.

use std::process::Command;

use serde_json::json;

use crate::support::certificates::Certificates;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::reader::Reader;
use crate::support::server::{self, Server};
use crate::support::{free_port, seconds, wait_until};

const SECURITY: &str = "org.apache.kafka.common.security";
const NAMES: [&str; 6] = ["PLAIN", "SCRAM", "BEARER", "TLS", "MUTUAL", "SUITE"];

/// The broker, and the ports of its listeners in the order of [`NAMES`].
struct Broker {
    server: Server,
    ports: Vec<u16>,
    certificates: Certificates,
}

impl Broker {
    fn start() -> Self {
        let certificates = Certificates::new();
        let mut ports = Vec::new();
        while ports.len() < NAMES.len() {
            let port = free_port();
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        let listeners: Vec<String> =
            NAMES.iter().zip(&ports).map(|(name, port)| format!("{name}://127.0.0.1:{port}")).collect();
        let (store, trust) = (certificates.path("server.pem"), certificates.path("ca.crt"));
        let settings = [
            format!("more.listeners={}", listeners.join(",")),
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAIN:SASL_PLAINTEXT,\
             SCRAM:SASL_SSL,BEARER:SASL_PLAINTEXT,TLS:SSL,MUTUAL:SSL,SUITE:SSL"
                .to_owned(),
            "ssl.keystore.type=PEM".to_owned(),
            format!("ssl.keystore.location={store}"),
            "ssl.truststore.type=PEM".to_owned(),
            format!("ssl.truststore.location={trust}"),
            "listener.name.mutual.ssl.client.auth=required".to_owned(),
            "listener.name.suite.ssl.enabled.protocols=TLSv1.2".to_owned(),
            "listener.name.suite.ssl.cipher.suites=TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256".to_owned(),
            "listener.name.plain.sasl.enabled.mechanisms=PLAIN".to_owned(),
            format!(
                "listener.name.plain.plain.sasl.jaas.config={SECURITY}.plain.PlainLoginModule required \
                 user_ops=\"sesame\";"
            ),
            "listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512".to_owned(),
            format!("listener.name.scram.scram-sha-256.sasl.jaas.config={SECURITY}.scram.ScramLoginModule required;"),
            format!("listener.name.scram.scram-sha-512.sasl.jaas.config={SECURITY}.scram.ScramLoginModule required;"),
            "listener.name.bearer.sasl.enabled.mechanisms=OAUTHBEARER".to_owned(),
            format!(
                "listener.name.bearer.oauthbearer.sasl.jaas.config={SECURITY}.oauthbearer.OAuthBearerLoginModule \
                 required unsecuredLoginStringClaim_sub=\"broker\";"
            ),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let server = Server::own("kafka", "access", &settings);
        add_user(&server);
        Self { server, ports, certificates }
    }

    fn at(&self, listener: &str) -> String {
        let index = NAMES.iter().position(|name| *name == listener).unwrap();
        format!("127.0.0.1:{}", self.ports[index])
    }

    /// A daemon's settings for a listener, with the producer's settings.
    fn setup(&self, listener: &str, producer: &[(&str, String)]) -> Setup {
        let setup = Setup::new().set("bootstrap.servers", &self.at(listener));
        producer.iter().fold(setup, |setup, (key, value)| setup.set(&format!("producer.{key}"), value))
    }

    fn captures(&self, database: &Database<'_>, listener: &str, producer: &[(&str, String)], name: &str) {
        let more = json!({"slot.name": name, "publication.name": name, "topic.prefix": name});
        let daemon = self.setup(listener, producer).connector(&database.connector(&more)).start();
        let mut reader = Reader::new(&self.server, &format!("{name}."));
        wait_until(&format!("a record came by {name}"), seconds(60), || !reader.read().is_empty());
        daemon.stop(seconds(10));
    }

    fn refuses(&self, database: &Database<'_>, listener: &str, producer: &[(&str, String)], words: &str) {
        let more = json!({"slot.name": "refused", "publication.name": "refused", "topic.prefix": "refused"});
        // What is not delivered will not be, so a restart need not wait for it.
        let setup = self.setup(listener, producer).set("task.shutdown.graceful.timeout.ms", "1000");
        let daemon = setup.connector(&database.connector(&more)).start();
        // A login and a broker's certificate are told in the status; that a broker turns us away may pass, so the log tells.
        // It tells once for each outage, and may do so before the broker has said anything: then a new run tells more.
        let mut restarts = 0;
        wait_until(&format!("{listener} refuses with {words:?}"), seconds(60), || {
            let trace = daemon.rest.task(&database.name).map(|(_, trace)| trace.to_lowercase()).unwrap_or_default();
            let log = daemon.log().to_lowercase();
            let waits: Vec<&str> = log.lines().filter(|line| line.contains("waiting for the brokers")).collect();
            let told = trace.contains(words) || waits.iter().any(|line| line.contains(words));
            if !told && waits.len() > restarts {
                restarts = waits.len();
                let path = format!("/connectors/{}/restart?includeTasks=true", database.name);
                daemon.rest.change("POST", &path, &json!(null), 202);
            }
            told
        });
        assert!(!daemon.log().contains("sesame"), "{}", daemon.log());
    }
}

/// The one whose password the broker keeps itself, for each mechanism.
fn add_user(server: &Server) {
    let libs = concat!(env!("CARGO_MANIFEST_DIR"), "/.stack/dist/kafka/libs/*");
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let done = Command::new("java")
            .args(["-Xmx128m", "-cp", libs, "kafka.admin.ConfigCommand", "--bootstrap-server", &server.address()])
            .args(["--alter", "--entity-type", "users", "--entity-name", "ops", "--add-config"])
            .arg(format!("{mechanism}=[password=sesame]"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

fn sasl(protocol: &str, mechanism: &str, module: &str) -> Vec<(&'static str, String)> {
    vec![
        ("security.protocol", protocol.to_owned()),
        ("sasl.mechanism", mechanism.to_owned()),
        ("sasl.jaas.config", format!("{SECURITY}.{module};")),
    ]
}

#[test]
fn kafka_sasl_and_tls() {
    let broker = Broker::start();
    let database = Database::create(server::postgres(), "kafka_access");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    let file = |name: &str| broker.certificates.path(name);
    let trust = |name: &str| vec![("ssl.truststore.type", "PEM".to_owned()), ("ssl.truststore.location", file(name))];
    let tls = |name: &str| [vec![("security.protocol", "SSL".to_owned())], trust(name)].concat();
    let with_key = |name: &str| vec![("ssl.keystore.type", "PEM".to_owned()), ("ssl.keystore.location", file(name))];
    let plain = |password: &str| {
        sasl(
            "SASL_PLAINTEXT",
            "PLAIN",
            &format!("plain.PlainLoginModule required username=\"ops\" password=\"{password}\""),
        )
    };
    let scram = |mechanism: &str, password: &str| {
        let module = format!("scram.ScramLoginModule required username=\"ops\" password=\"{password}\"");
        [sasl("SASL_SSL", mechanism, &module), trust("ca.crt")].concat()
    };
    let bearer = "oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"ops\"";

    broker.captures(&database, "PLAIN", &plain("sesame"), "by_plain");
    broker.captures(&database, "SCRAM", &scram("SCRAM-SHA-256", "sesame"), "by_scram_256");
    broker.captures(&database, "SCRAM", &scram("SCRAM-SHA-512", "sesame"), "by_scram_512");
    broker.captures(&database, "BEARER", &sasl("SASL_PLAINTEXT", "OAUTHBEARER", bearer), "by_bearer");
    broker.captures(&database, "TLS", &tls("ca.crt"), "by_tls");
    broker.captures(&database, "MUTUAL", &[tls("ca.crt"), with_key("client.pem")].concat(), "by_mutual_tls");

    let suites = |list: &str| [tls("ca.crt"), vec![("ssl.cipher.suites", list.to_owned())]].concat();
    let strong = "TLS_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let with_broker = format!("{strong},TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256");
    broker.captures(&database, "SUITE", &suites(&with_broker), "by_suite");
    broker.refuses(&database, "SUITE", &suites(strong), "handshake failure");

    broker.refuses(&database, "PLAIN", &plain("wrong-sesame"), "authentication failed");
    broker.refuses(&database, "SCRAM", &scram("SCRAM-SHA-512", "wrong-sesame"), "authentication failed");
    broker.refuses(&database, "TLS", &tls("other.crt"), "certificate verify failed");
    broker.refuses(&database, "MUTUAL", &tls("ca.crt"), "certificate");
    broker.refuses(&database, "MUTUAL", &[tls("ca.crt"), with_key("stranger.pem")].concat(), "certificate");
}
