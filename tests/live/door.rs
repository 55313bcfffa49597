//! The REST API's door: TLS, clients' certificates, credentials, and who is named in the log. The client is curl.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::certificates::Certificates;
use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Database;
use crate::support::{free_port, seconds, server, wait_until};

/// The status that curl got with these options; 0 when there was no answer.
pub(super) fn status(options: &[&str], url: &str) -> u16 {
    let all = ["-s", "-m", "120", "-o", "/dev/null", "-w", "%{http_code}"];
    let done = Command::new("curl").args(all).args(options).arg(url).output().unwrap();
    String::from_utf8(done.stdout).unwrap().parse().unwrap()
}

/// The head of the answer that curl got.
fn head(options: &[&str], url: &str) -> String {
    let all = ["-s", "-m", "120", "-o", "/dev/null", "-D", "-"];
    let done = Command::new("curl").args(all).args(options).arg(url).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// Starts a daemon with such a listener, and waits for it.
pub(super) fn listening(setup: Setup, listener: &str) -> (Daemon, String) {
    let url = format!("{listener}{}", free_port());
    let daemon = setup.set("listeners", &url).start();
    daemon.says("the REST API listens", seconds(10));
    (daemon, url)
}

#[test]
fn a_client_shows_its_certificate() {
    let certificates = Certificates::new();
    let setup = Setup::new()
        .set("listeners.https.ssl.keystore.location", &certificates.path("server.pem"))
        .set("listeners.https.ssl.truststore.location", &certificates.path("ca.crt"))
        .set("listeners.https.ssl.truststore.type", "PEM")
        .set("listeners.https.ssl.client.auth", "required");
    let (daemon, url) = listening(setup, "https://127.0.0.1:");
    let (ca, client, stranger) =
        (certificates.path("ca.crt"), certificates.path("client.pem"), certificates.path("stranger.pem"));
    let connectors = format!("{url}/connectors");
    assert_eq!(status(&["--cacert", &ca, "--cert", &client], &connectors), 200);
    assert_eq!(status(&["--cacert", &ca, "--cert", &client, "--tls-max", "1.2"], &connectors), 200);
    assert_eq!(status(&["--cacert", &ca], &connectors), 0);
    assert_eq!(status(&["--cacert", &ca, "--cert", &stranger], &connectors), 0);
    // The client checks the server as well, or this would show nothing.
    assert_eq!(status(&["--cacert", &certificates.path("other.crt"), "--cert", &client], &connectors), 0);
    assert_eq!(status(&["-k", "--cert", &client], &connectors.replace("https", "http")), 0);
    // A client that says nothing holds up nobody.
    let _silent = std::net::TcpStream::connect(url.trim_start_matches("https://")).unwrap();
    let deletes = ["--cacert", &ca, "--cert", &client, "-X", "DELETE"];
    assert_eq!(status(&deletes, &format!("{connectors}/not-there")), 404);
    wait_until("the change is told", seconds(5), || daemon.log().contains("user=\"CN=client\""));
    daemon.stop(seconds(10));
}

#[test]
fn certificates_have_roles() {
    let certificates = Certificates::new();
    certificates.sign("watch", "/C=DE/O=acme/CN=watch", "URI:spiffe://acme/watch");
    certificates.sign("robot", "/C=DE/O=acme/CN=robot", "email:robot@acme.example");
    let folder = tempfile::tempdir().unwrap();
    let roles = folder.path().join("roles");
    std::fs::write(&roles, "CN=client:admin\nURI:spiffe://acme/watch:read-only\n").unwrap();
    let tls = Setup::new()
        .set("listeners.https.ssl.keystore.location", &certificates.path("server.pem"))
        .set("listeners.https.ssl.truststore.location", &certificates.path("ca.crt"))
        .set("rest.auth.certificate.file", &roles.display().to_string());
    let (daemon, url) = listening(tls.set("listeners.https.ssl.client.auth", "requested"), "https://127.0.0.1:");
    let (connectors, ca) = (format!("{url}/connectors"), certificates.path("ca.crt"));
    let ask = |client: &str, method: &str| {
        let client = certificates.path(&format!("{client}.pem"));
        status(&["--cacert", &ca, "--cert", &client, "-X", method], &format!("{connectors}/none"))
    };
    assert_eq!((ask("client", "GET"), ask("client", "DELETE")), (404, 404));
    assert_eq!((ask("watch", "GET"), ask("watch", "DELETE")), (404, 403));
    assert_eq!((ask("robot", "GET"), ask("robot", "DELETE")), (403, 403));
    assert_eq!(status(&["--cacert", &ca], &connectors), 401);
    assert_eq!(status(&["--cacert", &ca], &format!("{url}/readyz")), 200);
    std::fs::write(&roles, "CN=robot,O=acme,C=DE:read-only\nEMAIL:robot@acme.example:admin\nCN:watch:admin\n").unwrap();
    assert_eq!((ask("client", "GET"), ask("watch", "DELETE")), (403, 404));
    assert_eq!((ask("robot", "GET"), ask("robot", "DELETE")), (404, 403));
    let log = daemon.log();
    for user in ["CN=client", "CN=watch,O=acme,C=DE"] {
        let told = |line: &str| line.contains(&format!("user=\"{user}\"")) && line.contains("outcome=404");
        assert!(log.lines().any(told), "{user}: {log}");
    }
    let refused = |line: &str| line.contains("CN=robot,O=acme,C=DE") && line.contains("has no role");
    assert!(log.lines().any(refused), "{log}");
    daemon.stop(seconds(10));
    let setup = Setup::new().set("rest.auth.certificate.file", &roles.display().to_string());
    let (status, log) = setup.run(seconds(10));
    assert!(status.code() == Some(2) && log.contains("needs an https listener"), "{log}");
}

#[test]
fn credentials_are_asked_for_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let hash = bcrypt::hash("open sésame", 4).unwrap();
    let users = write("users", &format!("ops:{hash}\nwatch:{hash}:read-only\n"));
    let setup = Setup::new().set("rest.auth.basic.file", &users).set("log.format", "json");
    let (daemon, url) = listening(setup, "http://0.0.0.0:");
    assert!(daemon.log().contains("travel unencrypted"), "{}", daemon.log());
    let url = url.replace("0.0.0.0", "127.0.0.1");
    let connectors = format!("{url}/connectors");
    assert_eq!(status(&[], &connectors), 401);
    assert_eq!(status(&["-u", "ops:no"], &connectors), 401);
    assert_eq!(status(&[], &format!("{url}/health")), 200);
    assert_eq!(status(&["-u", "watch:open sésame"], &connectors), 200);
    assert_eq!(status(&["-u", "watch:open sésame", "-X", "DELETE"], &format!("{connectors}/a")), 403);
    assert_eq!(status(&["-u", "ops:open sésame", "-X", "DELETE"], &format!("{connectors}/a")), 404);
    wait_until("the change is told", seconds(5), || daemon.log().contains(r#""user":"ops""#));
    assert!(daemon.log().contains(r#""outcome":403"#) && !daemon.log().contains("sésame"), "{}", daemon.log());
    daemon.stop(seconds(10));
}

#[test]
fn who_opens_the_door_wide_is_told() {
    let (daemon, _) = listening(Setup::new(), "http://0.0.0.0:");
    assert!(daemon.log().contains("whoever reaches this address may do everything"), "{}", daemon.log());
    daemon.stop(seconds(10));
    let (status, log) = Setup::new().set("listeners", "https://127.0.0.1:1").run(seconds(10));
    assert_eq!(status.code(), Some(2));
    assert!(log.contains("ssl.keystore.location: is required for https"), "{log}");
    let setup = Setup::new().set("rest.auth.basic.file", "/not/there");
    let (status, log) = setup.run(seconds(10));
    assert!(status.code() == Some(2) && log.contains("rest.auth.basic.file=\"/not/there\""), "{log}");
}

/// Only its own name silences the audit log, and not without a line.
#[test]
fn no_level_of_the_log_hides_a_change() {
    let daemon = Setup::new().set("log.level", "error").start();
    wait_until("the API answers", seconds(10), || daemon.rest.get("/connectors").is_some());
    let told = |change: &str| {
        daemon.rest.change("DELETE", &format!("/connectors/{change}"), &Value::Null, 404);
        daemon.log().contains(&format!("connector=\"{change}\""))
    };
    let set = |logger: &str, level: &str| {
        daemon.rest.change("PUT", &format!("/admin/loggers/{logger}"), &json!({"level": level}), 200);
    };
    assert!(told("at-the-start"), "{}", daemon.log());
    for logger in ["root", "org.apache.kafka.connect", "rowtide.api"] {
        set(logger, "OFF");
        assert!(told(logger), "{}", daemon.log());
    }
    set("rowtide.api.audit", "OFF");
    assert!(!told("silence"));
    assert!(daemon.log().contains("the audit log's level is set"), "{}", daemon.log());
    set("rowtide.api.audit", "INFO");
    assert!(told("again"));
    daemon.stop(seconds(10));
}

#[test]
fn only_those_suites_are_spoken() {
    let certificates = Certificates::new();
    let suites = "listeners.https.ssl.cipher.suites";
    let tls = || Setup::new().set("listeners.https.ssl.keystore.location", &certificates.path("server.pem"));
    let setup = tls().set(suites, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_CHACHA20_POLY1305_SHA256");
    let (daemon, url) = listening(setup, "https://127.0.0.1:");
    let ca = certificates.path("ca.crt");
    let with = |version: &str, option: &str, suite: &str| {
        status(&["--cacert", &ca, "--tls-max", version, option, suite], &url)
    };
    assert_eq!(with("1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"), 200);
    assert_eq!(with("1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"), 0);
    assert_eq!(with("1.3", "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"), 200);
    assert_eq!(status(&["--cacert", &ca, "--tlsv1.3", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256"], &url), 0);
    daemon.stop(seconds(10));
    let setup = tls().set(suites, "TLS_RSA_WITH_AES_128_CBC_SHA").set("listeners", "https://127.0.0.1:1");
    let (status, log) = setup.run(seconds(10));
    assert!(status.code() == Some(2) && log.contains("there is no TLS_RSA_WITH_AES_128_CBC_SHA here"), "{log}");
}

#[test]
fn guessing_is_slow() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let hash = bcrypt::hash("open sésame", 4).unwrap();
    let names: Vec<String> = (0..10).map(|number| format!("ops{number}")).collect();
    let lines: Vec<String> = names.iter().map(|name| format!("{name}:{hash}\n")).collect();
    std::fs::write(&users, lines.concat()).unwrap();
    let setup = Setup::new().set("rest.auth.basic.file", &users.display().to_string());
    let (daemon, url) = listening(setup, "http://0.0.0.0:");
    let url = url.replace("0.0.0.0", "127.0.0.1") + "/connectors";
    let from = |address: &str, login: &str| status(&["--interface", address, "-u", login], &url);
    // What is remembered is forgotten a minute after the first guess. Where all of this takes longer it has shown nothing,
    // and another name is tried.
    let in_time = names.iter().any(|name| {
        let begin = Instant::now();
        let guesses: Vec<u16> = (0..12).map(|guess| from("127.0.0.1", &format!("{name}:{guess}"))).collect();
        // The right one is not heard from there, but from elsewhere.
        let right = format!("{name}:open sésame");
        let right = (from("127.0.0.1", &right), from("127.0.0.2", &right));
        let head = head(&["-u", &format!("{name}:guess")], &url).to_lowercase();
        if begin.elapsed() >= seconds(59) {
            return false;
        }
        assert_eq!(guesses, [&[401; 10][..], &[429; 2]].concat());
        assert_eq!(right, (429, 200));
        let seconds_left = head.split("retry-after: ").nth(1).unwrap().lines().next().unwrap().parse::<u64>().unwrap();
        assert!((1..=60).contains(&seconds_left), "{head}");
        true
    });
    assert!(in_time, "sixteen requests took a minute, again and again");
    assert!(daemon.log().contains("outcome=429") && !daemon.log().contains("sésame"), "{}", daemon.log());
    daemon.stop(seconds(10));
}

#[test]
fn what_is_made_over_tls_is_found_over_tls() {
    let certificates = Certificates::new();
    let (http, https) = (free_port(), free_port());
    let listeners = format!("http://127.0.0.1:{http},https://127.0.0.1:{https}");
    let setup = Setup::new().set("listeners.https.ssl.keystore.location", &certificates.path("server.pem"));
    let daemon = setup.set("listeners", &listeners).start();
    daemon.says("the REST API listens", seconds(10));
    let database = Database::create(server::postgres(), "location");
    database.session().execute("CREATE TABLE t (id int PRIMARY KEY)");
    let ca = certificates.path("ca.crt");
    for (name, base) in
        [("secure", format!("https://localhost:{https}")), ("plain", format!("http://127.0.0.1:{http}"))]
    {
        let more = json!({"slot.name": name, "publication.name": name, "topic.prefix": name});
        let mut file = database.connector(&more);
        file["name"] = json!(name);
        let body = file.to_string();
        let post = ["--cacert", &ca, "-H", "content-type: application/json", "-d", &body];
        let head = head(&post, &format!("{base}/connectors"));
        assert!(head.starts_with("HTTP/1.1 201"), "{head}");
        assert!(head.contains(&format!("location: {base}/connectors/{name}\r\n")), "{head}");
    }
    daemon.stop(seconds(10));
}
