//! What nobody may do over the REST API, whatever else they may: have secrets sent elsewhere, or pass for another worker.

use axum::http::{StatusCode, header};
use rowtide::config::Target;
use serde_json::json;

use crate::api::{Api, orders};
use crate::support::rest::nobody;

/// Who may change a connector and not read its secrets would otherwise have them sent to a host of theirs.
#[tokio::test]
async fn a_masked_secret_goes_only_where_it_went() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let port = elsewhere.local_addr().unwrap().port().to_string();
    let api = Api::with(&[("c1", orders(), Target::Stopped)], &[]).await;
    let mut config = api.get("/connectors/c1/config").await.json();
    config["database.port"] = json!(port);
    let told = "The 'database.password' value is invalid: must be written again, because database.port changed";
    for (method, path, body) in [
        ("PUT", "/connectors/c1/config", config.clone()),
        ("PATCH", "/connectors/c1/config", json!({"database.port": port})),
        ("POST", "/connectors", json!({"name": "c1", "config": config})),
    ] {
        let answer = api.send(method, path, &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {answer:?}");
        assert!(answer.message().contains("following 1 error(s):") && answer.message().contains(told), "{answer:?}");
    }
    let path = "/connector-plugins/PostgresConnector/config/validate";
    let answer = api.send("PUT", path, &config.to_string()).await.json();
    let configs = answer["configs"].as_array().unwrap();
    let password = configs.iter().find(|config| config["value"]["name"] == "database.password").unwrap();
    assert!(password["value"]["errors"][0].as_str().unwrap().starts_with(told), "{password}");
    assert_eq!(answer["error_count"], 1);
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
    assert_eq!(api.get("/connectors/c1/config").await.json()["database.port"], "1");
    // Who writes the secret may send it anywhere. Nobody listens there.
    let (_nobody, port) = nobody();
    let patch = json!({"database.port": port.to_string(), "database.password": "mine"});
    let message = api.send("PATCH", "/connectors/c1/config", &patch.to_string()).await.message();
    assert!(message.contains("Unable to connect: ") && !message.contains("'database.password'"), "{message}");
    // And a patch of something else keeps it.
    let message = api.send("PATCH", "/connectors/c1/config", r#"{"tasks.max": "2"}"#).await.message();
    assert!(message.contains("Unable to connect: ") && !message.contains("'database.password'"), "{message}");
}

/// Nor may the worker's own login go to brokers that a connector names, where the worker says so.
#[tokio::test]
async fn overrides_are_those_that_the_worker_allows() {
    let settings = [("bootstrap.servers", "127.0.0.1:1"), ("connector.client.config.override.policy", "Principal")];
    let api = Api::with(&[], &settings).await;
    let mut config = orders();
    config["producer.override.bootstrap.servers"] = json!("evil:9092");
    config["producer.override.security.protocol"] = json!("PLAINTEXT");
    let message = api.send("POST", "/connectors", &json!({"name": "c1", "config": config}).to_string()).await.message();
    let told = "for configuration producer.override.bootstrap.servers: The 'Principal' policy does not allow \
                'bootstrap.servers' to be overridden in the connector configuration.";
    assert!(message.contains(told) && !message.contains("security.protocol"), "{message}");
}

/// What workers of a Connect cluster ask of each other is refused in Connect's words, whatever the connector.
#[tokio::test]
async fn nobody_is_another_worker() {
    let api = Api::with(&[("s", orders(), Target::Stopped)], &[]).await;
    let algorithm = header::HeaderName::from_static("x-connect-request-signature-algorithm");
    let signature = header::HeaderName::from_static("x-connect-authorization");
    for (method, path) in
        [("POST", "/connectors/s/tasks"), ("PUT", "/connectors/s/fence"), ("PUT", "/connectors/x/fence")]
    {
        // What is sent need not say what it is.
        let answer = api.ask(method, path, &[(header::CONTENT_TYPE, "text/plain")], "[]").await;
        assert_eq!(
            (answer.status.as_u16(), answer.message().as_str()),
            (400, "Internal request missing required signature")
        );
        let signed = async |name: &str, text: &str| {
            api.ask(method, path, &[(algorithm.clone(), name), (signature.clone(), text)], r#"[{"a": "b"}]"#).await
        };
        let answer = signed("HmacSHA256", "AAAA").await;
        assert_eq!(
            (answer.status.as_u16(), answer.message().as_str()),
            (403, "Internal request contained invalid signature.")
        );
        assert_eq!(signed("HmacSHA256", "?").await.status, StatusCode::BAD_REQUEST);
        assert!(signed("HmacMD5", "AAAA").await.message().contains("configured to use: [HmacSHA256]."));
    }
    assert!(api.send("POST", "/connectors/s/tasks", "{}").await.message().contains("not a JSON list"));
    assert_eq!(api.get("/connectors/s/fence").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(api.ask("GET", "/connectors/s/tasks", &[(header::CONTENT_TYPE, "text/plain")], "").await.status, 415);
}
