//! Certificates that are renewed under a running listener, in the ways that Kubernetes and cert-manager do it: the old ones are
//! served until the new ones are whole. The client is curl.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::door::{listening, status};
use crate::support::certificates::Certificates;
use crate::support::daemon::{Daemon, Setup};
use crate::support::{seconds, wait_until};

/// A mounted secret: what is seen are links to links, and one of these is changed as a whole.
fn publish(folder: &Path, version: &str, files: &[(&str, String)]) {
    fs::create_dir(folder.join(version)).unwrap();
    for (name, text) in files {
        fs::write(folder.join(version).join(name), text).unwrap();
        if !folder.join(name).is_symlink() {
            symlink(format!("..data/{name}"), folder.join(name)).unwrap();
        }
    }
    symlink(version, folder.join("..new")).unwrap();
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
}

fn told(daemon: &Daemon, text: &str) -> usize {
    daemon.log().matches(text).count()
}

const KEEPS: &str = "the REST API keeps its certificates";
const RENEWED: &str = "the REST API's certificates were renewed";

/// What `openssl` says is the end of a certificate, in seconds since 1970.
fn end(path: &str) -> String {
    let script = format!("date -d \"$(openssl x509 -noout -enddate -in {path} | cut -d= -f2)\" +%s");
    let done = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn certificates_are_renewed_without_a_restart() {
    let certificates = Certificates::new();
    let read = |name: &str| fs::read_to_string(certificates.path(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mounted = |name: &str| folder.path().join(name).display().to_string();
    // The first authority's server and clients; then those of the other one.
    publish(folder.path(), "..1", &[("tls.pem", read("server.pem")), ("ca.crt", read("ca.crt"))]);
    let setup = Setup::new()
        .set("listeners.https.ssl.keystore.location", &mounted("tls.pem"))
        .set("listeners.https.ssl.truststore.location", &mounted("ca.crt"))
        .set("listeners.https.ssl.client.auth", "required");
    let (daemon, url) = listening(setup, "https://127.0.0.1:");
    let metrics = format!("{url}/metrics");
    let path = |name: &str| certificates.path(name);
    let first = ["--cacert", &path("ca.crt"), "--cert", &path("client.pem")];
    let second = ["--cacert", &path("other.crt"), "--cert", &path("stranger.pem")];
    let served = || (status(&first, &metrics), status(&second, &metrics));
    assert_eq!(served(), (200, 0));
    publish(folder.path(), "..2", &[("tls.pem", read("stranger.pem")), ("ca.crt", read("other.crt"))]);
    wait_until("the other authority's client is let in", seconds(20), || served() == (0, 200));
    assert_eq!((told(&daemon, RENEWED), told(&daemon, KEEPS)), (1, 0), "{}", daemon.log());
    let text = Command::new("curl").arg("-s").args(second).arg(&metrics).output().unwrap().stdout;
    let expiry = format!("rowtide_rest_certificate_expiry_timestamp_seconds {}", end(&path("stranger.crt")));
    assert!(String::from_utf8_lossy(&text).contains(&expiry), "{expiry}");
    // Half a file, the key of another certificate, no authority, nothing at all: each is told once, and none is taken.
    let whole = read("server.pem");
    let broken = [
        ("..3", [("tls.pem", whole[..whole.len() * 3 / 4].to_owned()), ("ca.crt", read("ca.crt"))]),
        ("..4", [("tls.pem", read("server.key") + &read("stranger.crt")), ("ca.crt", read("ca.crt"))]),
        ("..5", [("tls.pem", whole.clone()), ("ca.crt", "-----BEGIN".to_owned())]),
    ];
    for (count, (version, files)) in (1..).zip(&broken) {
        publish(folder.path(), version, files);
        wait_until(&format!("{version} is told"), seconds(20), || told(&daemon, KEEPS) == count);
        assert_eq!(served(), (0, 200), "{version}");
    }
    fs::remove_file(folder.path().join("..data")).unwrap();
    wait_until("what is missing is told", seconds(20), || told(&daemon, KEEPS) == 4);
    assert_eq!((served(), told(&daemon, RENEWED)), ((0, 200), 1));
    publish(folder.path(), "..6", &[("tls.pem", whole), ("ca.crt", read("ca.crt"))]);
    wait_until("the first authority's client is let in again", seconds(20), || served() == (200, 0));
    assert_eq!((told(&daemon, RENEWED), told(&daemon, KEEPS)), (2, 4), "{}", daemon.log());
    assert!(daemon.log().contains("cannot be read") && daemon.log().contains("ssl.truststore.location"));
    daemon.stop(seconds(30));
}

#[test]
fn certificates_of_placeholders_are_renewed_too() {
    let certificates = Certificates::new();
    let read = |name: &str| fs::read_to_string(certificates.path(name)).unwrap();
    let pair = |name: &str| [("tls.key", read(&format!("{name}.key"))), ("tls.crt", read(&format!("{name}.crt")))];
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), "..1", &pair("server"));
    let of = |name: &str| format!("${{dir:{}:{name}}}", folder.path().display());
    let setup = Setup::new()
        .set("listeners.https.ssl.keystore.type", "PEM")
        .set("listeners.https.ssl.keystore.key", &of("tls.key"))
        .set("listeners.https.ssl.keystore.certificate.chain", &of("tls.crt"));
    let (daemon, url) = listening(setup, "https://127.0.0.1:");
    let (first, second) = (certificates.path("ca.crt"), certificates.path("other.crt"));
    let served = || (status(&["--cacert", &first], &url), status(&["--cacert", &second], &url));
    assert_eq!(served(), (200, 0));
    publish(folder.path(), "..2", &pair("stranger"));
    wait_until("the renewed certificate is served", seconds(20), || served() == (0, 200));
    daemon.stop(seconds(30));
}
