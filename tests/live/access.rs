//! Encryption and passwords: what each mode takes, and what it refuses.

use serde_json::{Value, json};

use super::lines;
use crate::support::certificates::Certificates;
use crate::support::daemon::Setup;
use crate::support::database::{Database, Session};
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// A database with a row to capture.
fn prepared<'a>(server: &'a Server, name: &str) -> Database<'a> {
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    database
}

/// Snapshots and streams under these settings; the state is new each time.
fn captures(database: &Database<'_>, more: &Value) {
    let setup = Setup::new().connector(&database.connector(more));
    let daemon = setup.start();
    let rows = database.session().rows("SELECT id FROM t").len();
    lines::wait(&daemon, rows);
    let id = rows + 1;
    database.session().execute(&format!("INSERT INTO t VALUES ({id})"));
    lines::wait_for_key(&daemon, &json!({"id": id}));
    daemon.stop(seconds(10));
}

fn fails(database: &Database<'_>, more: &Value, words: &[&str]) {
    let daemon = Setup::new().connector(&database.connector(more)).start();
    let trace = daemon.reaches(&database.name, "FAILED", seconds(30));
    for word in words {
        assert!(trace.contains(word), "{word:?} is missing in {trace}");
    }
}

/// A role of that kind, which may capture.
fn role(session: &mut Session, name: &str, kind: &str, encryption: &str) {
    session.execute(&format!("SET password_encryption = '{encryption}'"));
    session.execute(&format!("CREATE ROLE {kind}"));
    session.execute(&format!("CREATE ROLE {name} LOGIN SUPERUSER REPLICATION PASSWORD 'sésame' IN ROLE {kind}"));
}

#[test]
fn postgres_passwords_and_tls() {
    let server = Server::own("postgres", "tls", &["tls=on"]);
    let database = prepared(&server, "access");
    let mut session = database.session();
    role(&mut session, "scram", "scram_users", "scram-sha-256");
    role(&mut session, "md", "md5_users", "md5");
    role(&mut session, "tls", "tls_users", "scram-sha-256");
    let with = |user: &str, mode: &str, authority: Option<&str>| {
        let authority = authority.map(|file| server.dir.join(file).display().to_string());
        let slot = format!("{user}_{}_{}", mode.replace('-', "_"), u8::from(authority.is_some()));
        json!({"database.user": user, "database.password": "sésame", "database.sslmode": mode,
            "database.sslrootcert": authority, "slot.name": slot})
    };
    captures(&database, &with("scram", "disable", None));
    captures(&database, &with("md", "disable", None));
    captures(&database, &with("md", "prefer", None));
    captures(&database, &with("tls", "require", None));
    captures(&database, &with("tls", "verify-ca", Some("ca.crt")));
    captures(&database, &with("tls", "verify-full", Some("ca.crt")));
    fails(&database, &with("tls", "disable", None), &["tls"]);
    // The server's own certificate is not the authority that signed it.
    fails(&database, &with("tls", "verify-ca", Some("server.crt")), &["TLS"]);
}

#[test]
fn postgres_without_tls_is_refused_where_it_is_required() {
    let database = prepared(server::postgres(), "no_tls");
    fails(&database, &json!({"database.sslmode": "require"}), &["TLS"]);
}

#[test]
fn postgres_asks_for_our_certificate() {
    let server = Server::own("postgres", "mutual", &["tls=on"]);
    let database = prepared(&server, "mutual");
    let mut session = database.session();
    // The name in the certificate is the role's, and no password is asked for.
    let rules = server.dir.join("data/pg_hba.conf");
    let before = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(
        &rules,
        format!("hostssl all certified 127.0.0.1/32 cert\nhost all certified 127.0.0.1/32 reject\n{before}"),
    )
    .unwrap();
    // A new session tells when the server's first process, which makes all others, has read its files.
    let read = || database.session().value("SELECT pg_conf_load_time()");
    let before = read();
    session.execute("SELECT pg_reload_conf()");
    wait_until("the server has read its rules", seconds(60), || read() != before);
    session.execute("CREATE ROLE certified LOGIN SUPERUSER REPLICATION");
    let ours = Certificates::of(&server.dir.join("ca.crt"), &server.dir.join("ca.key"), "certified");
    let with = |certificates: Option<(&Certificates, &str)>| {
        let file = |end: &str| certificates.map(|(of, name)| of.path(&format!("{name}.{end}")));
        json!({"database.user": "certified", "database.sslmode": "verify-full", "database.sslcert": file("crt"),
            "database.sslrootcert": server.dir.join("ca.crt").display().to_string(), "database.sslkey": file("key")})
    };
    captures(&database, &with(Some((&ours, "certified"))));
    fails(&database, &with(None), &["certificate"]);
    let other = Certificates::of(&server.dir.join("ca.crt"), &server.dir.join("ca.key"), "somebody");
    fails(&database, &with(Some((&other, "somebody"))), &["certificate"]);
}

/// A user whom the server takes only with a certificate of its own authority.
fn asks_for_our_certificate(server: &Server) {
    let database = prepared(server, "mutual");
    let mut session = database.session();
    session.execute("CREATE USER certified IDENTIFIED BY 'sésame' REQUIRE SUBJECT '/CN=certified'");
    session.execute("GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO certified");
    let data = server.dir.join("data");
    let of = |name: &str| Certificates::of(&data.join("ca.pem"), &data.join("ca-key.pem"), name);
    let with = |store: Option<String>| {
        json!({"database.user": "certified", "database.password": "sésame", "database.ssl.mode": "verify_ca",
            "database.ssl.truststore": data.join("ca.pem").display().to_string(), "database.ssl.keystore": store})
    };
    let (ours, other) = (of("certified"), of("somebody"));
    captures(&database, &with(Some(ours.path("certified.pem"))));
    fails(&database, &with(None), &["certified"]);
    fails(&database, &with(Some(other.path("somebody.pem"))), &["certified"]);
}

#[test]
fn mysql_8_0_asks_for_our_certificate() {
    asks_for_our_certificate(server::mysql80());
}

#[test]
fn mysql_9_7_asks_for_our_certificate() {
    asks_for_our_certificate(server::mysql97());
}

/// Users that no connection has used yet: the server has no cached password, and wants it whole, encrypted by TLS or RSA.
fn cold(server: &Server) {
    let database = prepared(server, "access");
    let mut session = database.session();
    for mode in ["disabled", "preferred", "required", "verify_ca"] {
        session.execute(&format!("CREATE USER {mode} IDENTIFIED WITH caching_sha2_password BY 'sésame'"));
        let grants = "SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT";
        session.execute(&format!("GRANT {grants} ON *.* TO {mode}"));
        let authority = (mode == "verify_ca").then(|| server.dir.join("data/ca.pem").display().to_string());
        captures(
            &database,
            &json!({"database.user": mode, "database.password": "sésame",
            "database.ssl.mode": mode, "database.ssl.truststore": authority}),
        );
    }
    let own = server.dir.join("data/server-cert.pem").display().to_string();
    fails(&database, &json!({"database.ssl.mode": "verify_ca", "database.ssl.truststore": own}), &["TLS"]);
}

#[test]
fn mysql_8_0_cold_passwords_and_tls() {
    cold(server::mysql80());
}

#[test]
fn mysql_9_7_cold_passwords_and_tls() {
    cold(server::mysql97());
}
