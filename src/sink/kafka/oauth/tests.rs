use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::super::config::Java;
use super::*;
use crate::config::Problem;

const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";

/// What the settings, and the options of JAAS, say; and the problems.
fn settings(pairs: &[(&str, &str)], jaas: &[(&str, &str)]) -> (Option<Oidc>, String) {
    let mut java = Java::default();
    for (name, value) in pairs {
        java.set(name, &format!("producer.{name}"), value);
    }
    let options: BTreeMap<String, String> =
        jaas.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut problems = Vec::new();
    let oidc = read(&mut java, (!jaas.is_empty()).then_some(("producer.sasl.jaas.config", &options)), &mut problems);
    let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
    (oidc, problems.join("\n"))
}

/// Gives these answers, one to each request; and tells of the requests.
fn endpoint(answers: Vec<(u16, String)>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (connection, _) = listener.accept().unwrap();
            let mut reading = BufReader::new(&connection);
            let (mut head, mut line) = (String::new(), String::new());
            while reading.read_line(&mut line).is_ok_and(|read| read > 2) {
                head += &line;
                line.clear();
            }
            let length =
                head.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().to_owned();
            let mut sent = vec![0; length.trim().parse().unwrap()];
            reading.read_exact(&mut sent).unwrap();
            drop(tell.send(head + &String::from_utf8(sent).unwrap()));
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            (&connection).write_all((head + &body).as_bytes()).unwrap();
        }
    });
    (url, told)
}

fn jwt(claims: &serde_json::Value) -> String {
    format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn tokens(url: &str) -> Arc<Tokens> {
    let (oidc, problems) = settings(&[(ENDPOINT, url)], &[("clientId", "us"), ("clientSecret", "hush hush")]);
    assert_eq!(problems, "");
    Tokens::new(oidc.unwrap())
}

#[test]
fn one_token_is_asked_for_and_kept() {
    let ends = now_ms() / 1000 + 1000;
    let token = jwt(&json!({"sub": "ops", "exp": ends}));
    let (url, asked) = endpoint(vec![(200, json!({"access_token": token, "expires_in": 5}).to_string())]);
    let tokens = tokens(&url);
    let first = tokens.good().unwrap();
    // What the token says of itself counts.
    assert_eq!((first.principal.as_str(), first.ends_ms), ("ops", ends * 1000));
    assert!(first.is(&tokens.good().unwrap()) && first.is_fresh());
    let request = asked.recv().unwrap();
    let login = STANDARD.encode("us:hush hush");
    assert!(request.starts_with("POST /token HTTP/1.1") && request.contains(&format!("Basic {login}")), "{request}");
    assert!(request.ends_with("grant_type=client_credentials"), "{request}");
    let debug = format!("{first:?} {:?}", tokens.oidc);
    assert!(!debug.contains(&token) && !debug.contains("hush"), "{debug}");
}

#[test]
fn a_token_need_not_say_anything_of_itself() {
    let (url, _) = endpoint(vec![(200, r#"{"access_token": "opaque", "expires_in": "60"}"#.to_owned())]);
    let token = tokens(&url).good().unwrap();
    let left = token.ends_ms - now_ms();
    assert!(token.principal == "us" && (50_000..=60_000).contains(&left), "{left}");
}

#[test]
fn why_there_is_no_token() {
    let past = jwt(&json!({"exp": 1000}));
    for (status, body, words, can_pass) in [
        (
            401,
            r#"{"error": "invalid_client", "error_description": "no hush hush"}"#.to_owned(),
            "answered 401 (invalid_client: no ********)",
            false,
        ),
        (400, r#"{"error": "invalid_scope"}"#.to_owned(), "answered 400 (invalid_scope); check the id", false),
        (404, "<html>".to_owned(), "answered 404; check", false),
        (503, String::new(), "answered 503", true),
        (429, String::new(), "answered 429", true),
        (302, String::new(), "answered 302", false),
        (200, "{}".to_owned(), "answered 200 without an access_token", false),
        (200, r#"{"access_token": "opaque"}"#.to_owned(), "nobody knows when it ends", false),
        (200, r#"{"access_token": "o p"}"#.to_owned(), "characters that no token has", false),
        (200, format!("{{\"access_token\": \"{past}\"}}"), "gave a token that has ended", true),
    ] {
        let (url, _) = endpoint(vec![(status, body)]);
        let error = tokens(&url).good().unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(words) && shown.contains(&url) && shown.contains(ENDPOINT), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains(&past) && !shown.contains("o p"), "{shown}");
        assert_eq!(error.can_pass, can_pass, "{shown}");
    }
    // Bound, so that it is nobody else's, and nobody listens.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let gone = nobody.local_addr().unwrap();
    let error = tokens(&format!("http://user:hush@{gone}/token?key=hush")).good().unwrap_err();
    assert!(error.can_pass && error.to_string().contains("cannot be reached: "), "{error}");
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[test]
fn who_refuses_is_left_alone_for_a_while() {
    let token = json!({"access_token": "opaque", "expires_in": 600}).to_string();
    let (url, asked) = endpoint(vec![(503, String::new()), (200, token)]);
    let tokens = tokens(&url);
    let first = tokens.good().unwrap_err();
    let until = |until: Instant| tokens.known.lock().unwrap().refused.as_mut().unwrap().until = until;
    // However late this thread is.
    until(Instant::now() + Duration::from_secs(3600));
    assert_eq!(tokens.good().unwrap_err(), first);
    assert_eq!(asked.try_iter().count(), 1);
    assert!(tokens.next() > Instant::now());
    until(Instant::now());
    assert_eq!(tokens.good().unwrap().value.reveal(), "opaque");
}

#[test]
fn a_token_that_is_not_fresh_does_when_nobody_answers() {
    let (url, _) = endpoint(vec![(200, r#"{"access_token": "opaque", "expires_in": 600}"#.to_owned())]);
    let tokens = tokens(&url);
    tokens.good().unwrap();
    let age = |token: &mut Token, ends_ms: i64| (token.renew, token.ends_ms) = (Instant::now(), ends_ms);
    age(tokens.known.lock().unwrap().token.as_mut().unwrap(), now_ms() + 60_000);
    assert!(tokens.fresh().is_err());
    assert_eq!(tokens.good().unwrap().value.reveal(), "opaque");
    age(tokens.known.lock().unwrap().token.as_mut().unwrap(), now_ms());
    assert!(tokens.good().is_err());
}

#[test]
fn a_token_may_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let (oidc, _) = settings(&[(ENDPOINT, &format!("file://{}", path.display()))], &[]);
    let oidc = oidc.unwrap();
    let mut connectors = Java::default();
    connectors.set(ENDPOINT, "producer.override.sasl.oauthbearer.token.endpoint.url", "file:///etc/token");
    let mut problems = Vec::new();
    assert!(read(&mut connectors, None, &mut problems).is_none());
    assert!(problems[0].to_string().contains("in the worker's settings only"), "{problems:?}");
    assert!(ask::token(&oidc).unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&path, jwt(&json!({"sub": "pod", "exp": now_ms() / 1000 + 60})) + "\n").unwrap();
    assert_eq!(ask::token(&oidc).unwrap().principal, "pod");
}

#[test]
fn every_name_of_the_settings() {
    let url = (ENDPOINT, "https://idp/token");
    let endpoint = |oidc: Option<Oidc>| match oidc.unwrap().from {
        settings::From::Endpoint(endpoint) => endpoint,
        settings::From::File(_) => panic!("no endpoint"),
    };
    let kafka = [
        url,
        ("sasl.oauthbearer.client.credentials.client.id", "a"),
        ("sasl.oauthbearer.client.credentials.client.secret", "b"),
        ("sasl.oauthbearer.scope", "c"),
        ("sasl.login.read.timeout.ms", "7"),
    ];
    let librdkafka = [url, ("sasl.oauthbearer.client.id", "a"), ("sasl.oauthbearer.client.secret", "b")];
    let jaas = [("clientId", "x"), ("clientSecret", "y"), ("scope", "z"), ("extension_logicalCluster", "lkc")];
    // The settings win over JAAS.
    let (oidc, _) = settings(&kafka, &jaas);
    assert_eq!(*oidc.as_ref().unwrap().extensions, [("logicalCluster".to_owned(), "lkc".to_owned())]);
    let both = endpoint(oidc);
    assert_eq!((both.id.as_str(), both.secret.reveal(), both.scope.as_deref()), ("a", "b", Some("c")));
    assert_eq!((both.read_timeout, both.connect_timeout), (Duration::from_millis(7), Duration::from_secs(10)));
    let (oidc, _) = settings(&librdkafka, &[]);
    assert_eq!(endpoint(oidc).secret.reveal(), "b");
    let (oidc, _) = settings(&[url], &jaas);
    assert_eq!(endpoint(oidc).scope.as_deref(), Some("z"));
    assert!(settings(&kafka[1..], &[]).0.is_none());
    for (pairs, jaas, words) in [
        (vec![url], vec![], "sasl.oauthbearer.client.credentials.client.id: needs clientId=\"…\""),
        (vec![url], vec![("clientId", "x")], "producer.sasl.jaas.config: needs clientSecret=\"…\""),
        (vec![(ENDPOINT, "ldap://idp")], vec![], "must be https://…, http://… or file:///…"),
        (vec![url], vec![jaas[0], jaas[1], ("ssl.truststore.location", "/t.jks")], "must be PEM"),
        (vec![url], vec![jaas[0], jaas[1], ("ssl.truststore.location", "/not/there")], "/not/there cannot be read"),
        (vec![url, ("https.ca.pem", "x")], jaas.to_vec(), "holds no certificate"),
        (vec![url, ("sasl.login.connect.timeout.ms", "x")], jaas.to_vec(), "must be a whole number"),
    ] {
        let (oidc, problems) = settings(&pairs, &jaas);
        assert!(oidc.is_none() && problems.contains(words), "{problems}");
    }
    assert!(is_handler("org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler"));
    assert!(is_handler("org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"));
    assert!(!is_handler("io.strimzi.kafka.oauth.client.JaasClientOauthLoginCallbackHandler"));
}
