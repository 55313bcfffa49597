//! The REST API without a socket and without a database: what Connect's HTTP library answers, what is refused before a
//! database is asked, what is shown of connectors whose database does not answer. `golden/rest.rs` replays transcripts.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use rowtide::api::{self, Operations, Worker};
use rowtide::budget::Budget;
use rowtide::config::{self, ConnectorFile, Properties, Target};
use rowtide::connector::plan::Surroundings;
use rowtide::offset::sqlite::{Registered, Sqlite};
use rowtide::runtime::Runtime;
use rowtide::source::seats::Seats;
use serde_json::{Value, json};
use tower::ServiceExt;

/// An API, and the state that its connectors are in.
pub(crate) struct Api {
    router: axum::Router,
    state: Sqlite,
    runtime: Arc<Runtime>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    content_type: Option<String>,
    allow: Option<String>,
    text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn message(&self) -> String {
        let json = self.json();
        assert_eq!(json["error_code"], self.status.as_u16(), "{json}");
        json["message"].as_str().unwrap().to_owned()
    }
}

impl Api {
    /// With these connectors, none of which is started.
    pub(crate) async fn with(connectors: &[(&str, Value, Target)], settings: &[(&str, &str)]) -> Self {
        let state = Sqlite::open(":memory:").unwrap();
        for (name, config, target) in connectors {
            let mut config: Properties = serde_json::from_value(config.clone()).unwrap();
            config.insert("name".to_owned(), (*name).to_owned());
            let connector =
                Registered { name: (*name).to_owned(), config: Some(config), target: *target, has_tasks: true };
            state.register(connector).await.unwrap();
        }
        Self::start(state, settings, Vec::new()).await
    }

    async fn start(state: Sqlite, settings: &[(&str, &str)], files: Vec<ConnectorFile>) -> Self {
        let settings: Vec<(String, String)> =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let worker = config::Worker::load(&[], [], &settings).unwrap();
        let body_bytes_max = worker.body_bytes_max;
        let budget = Budget::of(1 << 20);
        let surroundings =
            Surroundings { worker, state: state.clone(), once: false, budget, seats: Seats::of(0), tracer: None };
        let runtime = Arc::new(Runtime::start(surroundings, files).await.unwrap());
        let worker = Worker {
            id: "127.0.0.1:8083".to_owned(),
            kafka_cluster_id: Arc::default(),
            runtime: Arc::clone(&runtime),
            operations: Operations::default(),
        };
        Self { router: api::router(Arc::new(worker), body_bytes_max), state, runtime }
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let text = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, content_type, allow) = (response.status(), text(header::CONTENT_TYPE), text(header::ALLOW));
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Answer { status, content_type, allow, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask(method, path, &[(header::CONTENT_TYPE, "application/json")], body).await
    }
}

pub(crate) fn orders() -> Value {
    json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "127.0.0.1",
        "database.port": "1", "database.user": "dbz", "database.password": "s3cret", "database.dbname": "d",
        "topic.prefix": "p", "tasks.max": "1",
    })
}

/// What the recordings of Connect do not hold of its HTTP library.
#[tokio::test]
async fn media_types_and_methods() {
    let api = Api::with(&[], &[]).await;
    let json = (header::CONTENT_TYPE, "application/json; charset=utf-8");
    let answer = api.ask("GET", "/connectors", &[(header::ACCEPT, "text/html")], "").await;
    assert_eq!((answer.status, answer.message()), (StatusCode::NOT_ACCEPTABLE, "HTTP 406 Not Acceptable".to_owned()));
    assert_eq!(answer.content_type, None);
    let answer = api.ask("GET", "/", &[(header::ACCEPT, "text/html")], "").await;
    assert_eq!(answer.status, StatusCode::NOT_ACCEPTABLE);
    let answer = api.ask("GET", "/", &[(header::CONTENT_TYPE, "text/plain")], "").await;
    assert_eq!(answer.status, StatusCode::OK, "what nobody reads may be anything");
    let answer = api.ask("GET", "/nowhere", &[(header::ACCEPT, "application/json")], "").await;
    assert_eq!((answer.status.as_u16(), answer.content_type), (404, None));
    let answer = api.ask("POST", "/connectors", std::slice::from_ref(&json), "{").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "parameters of a media type do not count");
    let answer = api.ask("POST", "/connectors", &[], "{}").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "a body must say that it is JSON");
    assert_eq!(answer.content_type.as_deref(), Some("application/json"), "the resource was found");
    let answer = api.ask("PUT", "/connectors/x/pause", &[(header::CONTENT_TYPE, "text/plain")], "").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = api.ask("PATCH", "/connectors", &[json], "{}").await;
    assert_eq!((answer.status, answer.allow), (StatusCode::METHOD_NOT_ALLOWED, None));
    let answer = api.ask("OPTIONS", "/connectors/x/config/", &[], "").await;
    assert_eq!(answer.allow.as_deref(), Some("HEAD,GET,OPTIONS,PUT,PATCH"));
    assert_eq!(
        (answer.text.as_str(), answer.content_type.as_deref()),
        ("HEAD, GET, OPTIONS, PUT, PATCH", Some("text/plain"))
    );
    let answer = api.ask("HEAD", "/connectors/", &[], "").await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""));
    assert_eq!(api.get("/connectors/%FF/config").await.status, StatusCode::BAD_REQUEST);
    let answer = api.ask("OPTIONS", "/connectors", &[(header::ACCEPT, "application/json")], "").await;
    assert_eq!((answer.content_type.as_deref(), answer.text.as_str()), (Some("application/json"), ""));
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let api = Api::with(&[], &[("rest.request.max.bytes", "200")]).await;
    let wrong = [
        ("POST", "/connectors", "", "no body"),
        ("POST", "/connectors", "null", "not a JSON object"),
        ("POST", "/connectors", "[]", "not a JSON object"),
        ("POST", "/connectors", "{\"name\": ", "line 1"),
        ("POST", "/connectors", "{\"name\": \"x\"}", "no config"),
        ("POST", "/connectors", "{\"config\": []}", "config must be"),
        ("POST", "/connectors", "{\"config\": {\"a\": [1]}}", "a list is written"),
        ("POST", "/connectors", "{\"config\": {}, \"confg\": {}}", "Unrecognized field \"confg\""),
        ("POST", "/connectors", "{\"config\": {}, \"initial_state\": \"GONE\"}", "none of RUNNING, PAUSED and STOPPED"),
        (
            "POST",
            "/connectors",
            "{\"name\": \"a\", \"config\": {\"name\": \"b\"}}",
            "(b) doesn't match connector name in the URL (a)",
        ),
        ("PUT", "/connectors/a/config", "{\"name\": \"b\"}", "doesn't match"),
        ("PUT", "/connectors/a/config", "7", "not a JSON object"),
        ("PATCH", "/connectors/a/offsets", "{\"offsets\": 1}", "must be a list"),
        ("PATCH", "/connectors/a/offsets", "{\"offsets\": null}", "need to be provided"),
        ("PATCH", "/connectors/a/offsets", "{\"offsets\": [{\"partition\": {\"a\": {}}}]}", "field a contains MAP"),
        ("PATCH", "/connectors/a/offsets", "{\"offsets\": [null]}", "must be a list"),
        ("PATCH", "/connectors/a/offsets", "{\"offsets\": [{\"partition\": {}, \"offset\": 1}]}", "must be a list"),
        ("PATCH", "/connectors/a/offsets", "{\"ofsets\": []}", "Unrecognized field"),
        ("PUT", "/connector-plugins/PostgresConnector/config/validate", "{}", "contains no connector type"),
    ];
    for (method, path, body, part) in wrong {
        let answer = api.send(method, path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path} {body}: {answer:?}");
        assert!(answer.message().contains(part), "{method} {path} {body}: {}", answer.message());
        assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    }
    let answer = api.send("PUT", "/connectors/a/config", &format!("{{\"a\": \"{}\"}}", "x".repeat(200))).await;
    assert_eq!(
        (answer.status, answer.message()),
        (StatusCode::PAYLOAD_TOO_LARGE, "HTTP 413 Request Entity Too Large".to_owned())
    );
}

#[tokio::test]
async fn a_configuration_that_is_wrong_is_told_whole() {
    let api = Api::with(&[], &[]).await;
    let mut config = orders();
    config["database.port"] = json!("many");
    config["tasks.max"] = json!("one");
    config["snapshot.isolation.mode"] = json!("loose");
    config["database.password"] = json!("********");
    config["max.queue.size"] = Value::Null;
    config["topic.prefix"] = json!("");
    config["column.truncate.to.x.chars"] = json!("a.b");
    config["exactly.once.support"] = json!("required");
    let body = json!({"name": " c1 ", "config": config}).to_string();
    let message = api.send("POST", "/connectors", &body).await.message();
    let told: Vec<&str> = message.lines().collect();
    assert!(told[0].starts_with("Connector configuration is invalid and contains the following "), "{message}");
    for part in [
        "The 'topic.prefix' value is invalid: A value is required",
        "The 'database.port' value is invalid: ",
        "Invalid value one for configuration tasks.max: ",
        "The 'snapshot.isolation.mode' value is invalid: must be one of read_committed, ",
        "The 'database.password' value is invalid: holds ********, ",
        "This worker does not have exactly-once source support enabled. ",
        "The 'max.queue.size' value is invalid: Null value can not be supplied as the configuration value.",
    ] {
        assert!(told.iter().any(|line| line.starts_with(part)), "{part}: {message}");
    }
    let count = told.len() - 2;
    assert!(told[0].ends_with(&format!(" {count} error(s):")), "{message}");
    let answer =
        api.send("PUT", "/connector-plugins/PostgresConnector/config/validate", &json!(config).to_string()).await;
    let answer = answer.json();
    // There, nobody gave it a name.
    assert_eq!(answer["error_count"], count + 1, "{answer}");
    let with_errors: Vec<&str> = answer["configs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|config| config["value"]["errors"].as_array().is_some_and(|errors| !errors.is_empty()))
        .map(|config| config["value"]["name"].as_str().unwrap())
        .collect();
    for key in ["name", "column.truncate.to.x.chars", "exactly.once.support"] {
        assert!(with_errors.contains(&key), "{key}: {with_errors:?}");
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_an_error_of_the_configuration() {
    let api = Api::with(&[], &[]).await;
    let answer = api.send("POST", "/connectors", &json!({"name": "c1", "config": orders()}).to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let message = answer.message();
    assert!(message.contains("\nUnable to connect: cannot connect to 127.0.0.1:1"), "{message}");
    assert!(!message.contains("s3cret"));
    // It is told beside what is wrong with Connect's own keys, and not beside what is wrong with Debezium's.
    for (key, value, unreached) in [("tasks.max", "0", 1), ("transforms", "t", 1), ("snapshot.mode", "x", 0)] {
        let mut config = orders();
        config[key] = json!(value);
        let message =
            api.send("POST", "/connectors", &json!({"name": "c1", "config": config}).to_string()).await.message();
        assert_eq!(message.matches("\nUnable to connect: ").count(), unreached, "{key}: {message}");
        assert!(message.contains(key) && !message.contains("contains the following 0 "), "{key}: {message}");
    }
    // Nor beside what only the definitions know: that a new MySQL connector needs a server id.
    let mut config = orders();
    config["connector.class"] = json!("io.debezium.connector.mysql.MySqlConnector");
    let message = api.send("POST", "/connectors", &json!({"name": "c1", "config": config}).to_string()).await.message();
    assert!(message.contains("database.server.id") && !message.contains("Unable to connect"), "{message}");
    assert_eq!(api.get("/connectors").await.json(), json!([]));
    let nothing = json!({"connector.class": "com.acme.Nope", "database.password": "s3cret"});
    let answer = api.send("POST", "/connectors", &json!({"name": "c1", "config": nothing}).to_string()).await;
    assert!(answer.message().contains("which name matches com.acme.Nope, available connectors are: PluginDesc{"));
    let answer = api.send("POST", "/connectors", r#"{"name": "c1", "config": {"database.password": "s3cret"}}"#).await;
    assert_eq!(answer.message(), "Connector config {database.password=********, name=c1} contains no connector type");
}

#[tokio::test]
async fn what_is_shown_is_masked_and_placeholders_stay() {
    let mut config = orders();
    config["database.hostname"] = json!("${env:NOT_SET_HERE_HOST}");
    config["value.converter.schema.registry.url"] = json!("http://u:s3cret@localhost:1");
    let api = Api::with(&[("c 1", config, Target::Stopped)], &[]).await;
    for path in ["/connectors/c%201", "/connectors/c%201/config/", "/connectors/c%201/tasks", "/connectors?expand=info"]
    {
        assert!(!api.get(path).await.text.contains("s3cret"), "{path}");
    }
    let config = api.get("/connectors/c%201/config").await.json();
    assert_eq!(config["database.password"], "********");
    assert_eq!(config["database.hostname"], "${env:NOT_SET_HERE_HOST}");
    assert_eq!(config["value.converter.schema.registry.url"], "http://u:********@localhost:1");
    // What comes back as it was shown is what it was: the masks are no error.
    let message = api.send("PUT", "/connectors/c%201/config", &config.to_string()).await.message();
    assert!(
        message.contains("'database.hostname' value is invalid: cannot resolve ${env:NOT_SET_HERE_HOST}"),
        "{message}"
    );
    assert!(!message.contains("'database.password'") && !message.contains("********"), "{message}");
}

#[tokio::test]
async fn states_are_those_that_were_asked_for() {
    let connectors = [("p", orders(), Target::Paused), ("s", orders(), Target::Stopped)];
    let api = Api::with(&connectors, &[]).await;
    let status = async |name: &str| api.get(&format!("/connectors/{name}/status")).await.json();
    let paused = status("p").await;
    assert_eq!((&paused["connector"]["state"], &paused["tasks"][0]["state"]), (&json!("PAUSED"), &json!("PAUSED")));
    let stopped = status("s").await;
    assert_eq!((&stopped["connector"]["state"], &stopped["tasks"]), (&json!("STOPPED"), &json!([])));
    assert_eq!(api.send("PUT", "/connectors/p/stop", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(status("p").await["connector"]["state"], "STOPPED");
    assert_eq!(api.send("PUT", "/connectors/p/pause", "").await.status, StatusCode::ACCEPTED);
    // Its task went with the stop, and nothing made it anew.
    assert_eq!(status("p").await["tasks"], json!([]));
    assert_eq!(api.send("PUT", "/connectors/p/resume", "").await.status, StatusCode::ACCEPTED);
    let registered = api.state.registered().await.unwrap();
    assert_eq!(registered[0].target, Target::Running);
    assert_eq!(api.send("DELETE", "/connectors/p", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get("/connectors").await.json(), json!(["s"]));
    assert_eq!(api.state.registered().await.unwrap().len(), 1);
    api.runtime.stop(std::time::Duration::from_secs(120)).await.unwrap();
}

#[tokio::test]
async fn a_failed_task_says_why_since_when_and_what_to_do() {
    let mut config = orders();
    config.as_object_mut().unwrap().remove("topic.prefix");
    let api = Api::with(&[("c1", config, Target::Running)], &[]).await;
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let task = loop {
        let answer = api.get("/connectors/c1/tasks/0/status").await.json();
        if answer["state"] == "FAILED" {
            break answer;
        }
        assert!(std::time::Instant::now() < limit, "{answer}");
        tokio::task::yield_now().await;
    };
    let trace = task["trace"].as_str().unwrap();
    assert!(trace.starts_with("topic.prefix: is required\nsince 20"), "{trace}");
    assert!(
        trace.ends_with("POST /connectors/c1/restart?includeTasks=true&onlyFailed=true, or PUT another configuration")
    );
    assert_eq!(api.get("/connectors/c1/status").await.json()["connector"]["state"], "RUNNING");
    let restarted = api.send("POST", "/connectors/c1/restart?onlyFailed=true&includeTasks=true", "").await;
    assert_eq!(restarted.status, StatusCode::ACCEPTED);
    let restarted = restarted.json();
    assert_eq!(
        (&restarted["connector"]["state"], &restarted["tasks"][0]["state"]),
        (&json!("RUNNING"), &json!("RESTARTING"))
    );
}

#[tokio::test]
async fn offsets_are_changed_only_where_nothing_runs() {
    let connectors = [("p", orders(), Target::Paused), ("s", orders(), Target::Stopped)];
    let api = Api::with(&connectors, &[]).await;
    let body = r#"{"offsets": [{"partition": {"server": "p"}, "offset": {"lsn": 7}}, {"partition": {"b": 1, "a": "x"}, "offset": {}}, {"partition": null}]}"#;
    assert!(api.send("PATCH", "/connectors/p/offsets", body).await.message().contains("must be in the STOPPED state"));
    assert!(api.send("DELETE", "/connectors/p/offsets", "").await.message().contains("'/connectors/p/stop'"));
    assert_eq!(api.send("PATCH", "/connectors/s/offsets", body).await.status, StatusCode::OK);
    let offsets = api.get("/connectors/s/offsets").await.json();
    let expected = json!([
        {"partition": {"a": "x", "b": 1}, "offset": {}},
        {"partition": {"server": "p"}, "offset": {"lsn": 7}},
    ]);
    assert_eq!(offsets["offsets"], expected);
    let gone = r#"{"offsets": [{"partition": {"b": 1, "a": "x"}, "offset": null}]}"#;
    assert_eq!(api.send("PATCH", "/connectors/s/offsets", gone).await.status, StatusCode::OK);
    assert_eq!(api.get("/connectors/s/offsets").await.json()["offsets"].as_array().unwrap().len(), 1);
    assert_eq!(api.send("DELETE", "/connectors/s/offsets", "").await.status, StatusCode::OK);
    assert_eq!(api.get("/connectors/s/offsets").await.json(), json!({"offsets": []}));
}

#[tokio::test]
async fn topics_may_not_be_told() {
    let api = Api::with(&[], &[("topic.tracking.enable", "false")]).await;
    let answer = api.get("/connectors/x/topics").await;
    assert_eq!((answer.status, answer.message()), (StatusCode::FORBIDDEN, "Topic tracking is disabled.".to_owned()));
    let api = Api::with(&[], &[("topic.tracking.allow.reset", "false")]).await;
    assert_eq!(api.get("/connectors/x/topics").await.json(), json!({"x": {"topics": []}}));
    let answer = api.send("PUT", "/connectors/x/topics/reset", "").await;
    assert_eq!(answer.message(), "Topic tracking reset is disabled.");
}

#[tokio::test]
async fn a_file_wins_over_what_was_registered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c1.json");
    std::fs::write(&path, json!({"name": "c1", "initial_state": "STOPPED", "config": orders()}).to_string()).unwrap();
    let file = || ConnectorFile::read(&path).unwrap();
    let state = Sqlite::open(":memory:").unwrap();
    let api = Api::start(state.clone(), &[], vec![file()]).await;
    assert_eq!(api.get("/connectors/c1/status").await.json()["connector"]["state"], "STOPPED");
    assert_eq!(state.registered().await.unwrap()[0].config, None, "its file has its configuration");
    api.send("PUT", "/connectors/c1/pause", "").await;
    api.runtime.stop(std::time::Duration::from_secs(120)).await.unwrap();
    let mut changed: Properties = serde_json::from_value(orders()).unwrap();
    changed.insert("topic.prefix".to_owned(), "other".to_owned());
    let registered =
        Registered { name: "c1".to_owned(), config: Some(changed), target: Target::Paused, has_tasks: false };
    state.register(registered.clone()).await.unwrap();
    let api = Api::start(state.clone(), &[], vec![file()]).await;
    assert_eq!(api.get("/connectors/c1/config").await.json()["topic.prefix"], "p");
    assert_eq!(api.get("/connectors/c1/status").await.json()["connector"]["state"], "PAUSED", "the target stays");
    assert_eq!(state.registered().await.unwrap()[0].config, None);
    // Without the file, there is nothing to run.
    let api = Api::start(state.clone(), &[], Vec::new()).await;
    assert_eq!(api.get("/connectors").await.json(), json!([]));
    state.register(registered).await.unwrap();
    let api = Api::start(state, &[], Vec::new()).await;
    assert_eq!(api.get("/connectors/c1/config").await.json()["topic.prefix"], "other");
}

#[tokio::test]
async fn plugins_have_definitions() {
    let api = Api::with(&[], &[]).await;
    let plugins = api.get("/connector-plugins?connectorsOnly=false").await.json();
    let classes: Vec<&str> =
        plugins.as_array().unwrap().iter().map(|plugin| plugin["class"].as_str().unwrap()).collect();
    assert!(classes.len() > 40 && classes.contains(&"org.apache.kafka.connect.transforms.Cast$Value"));
    for class in classes {
        let definitions = api.get(&format!("/connector-plugins/{class}/config")).await;
        assert_eq!(definitions.status, StatusCode::OK, "{class}");
        for definition in definitions.json().as_array().unwrap() {
            assert!(definition["name"].is_string() && definition["documentation"].is_string(), "{class}: {definition}");
        }
    }
    assert_eq!(api.get("/connector-plugins/Nope/config").await.message(), "Unknown plugin Nope.");
    let body = json!({
        "name": "v", "connector.class": "PostgresConnector", "transforms": "mask,route", "predicates": "p",
        "transforms.mask.type": "io.rowtide.transforms.Mask", "transforms.mask.secret": "sixteen-characters",
        "predicates.p.type": "RecordIsTombstone",
    });
    let answer = api.send("PUT", "/connector-plugins/Postgres/config/validate", &body.to_string()).await.json();
    let config = |name: &str| {
        let configs = answer["configs"].as_array().unwrap();
        configs.iter().find(|config| config["value"]["name"] == name).cloned().unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(config("transforms.mask.secret")["value"]["value"], "********");
    assert_eq!(config("transforms.mask.negate")["definition"]["group"], "Transforms: mask");
    assert_eq!(config("predicates.p.type")["definition"]["required"], true);
    assert!(!config("transforms.route.type")["value"]["errors"].as_array().unwrap().is_empty());
    assert!(answer["groups"].to_string().contains("\"Predicates\",\"Error Handling\""), "{}", answer["groups"]);
}

/// Clients are made of the document, so it tells of every route, and of no other.
/// What a configuration says of converters and of Kafka's clients is told with it, as Connect does.
#[tokio::test]
async fn converters_and_overrides_are_validated_too() {
    let api = Api::with(&[], &[]).await;
    let mut config = orders();
    config["name"] = json!("c1");
    config["value.converter"] = json!("org.apache.kafka.connect.json.JsonConverter");
    config["value.converter.schemas.enable"] = json!("maybe");
    config["key.converter"] = json!("org.apache.kafka.connect.storage.StringConverter");
    config["producer.override.linger.ms"] = json!("20");
    config["producer.override.sasl.password"] = json!("s3cret");
    config["tasks.max"] = json!("0");
    config["transaction.boundary"] = json!("connector");
    let answer = api.send("PUT", "/connector-plugins/Postgres/config/validate", &config.to_string()).await.json();
    let of = |name: &str| {
        let configs = answer["configs"].as_array().unwrap();
        configs.iter().find(|config| config["value"]["name"] == name).map(|config| config["value"].clone()).unwrap()
    };
    for (name, value, errors) in [
        ("value.converter.schemas.enable", Value::Null, 1),
        ("value.converter.schemas.cache.size", json!("1000"), 0),
        ("value.converter.converter.type", json!("value"), 0),
        ("key.converter.converter.type", json!("key"), 0),
        ("key.converter.converter.encoding", json!("UTF-8"), 0),
        ("producer.override.linger.ms", json!("20"), 0),
        ("producer.override.sasl.password", json!("********"), 0),
        ("tasks.max", json!("0"), 1),
        ("transaction.boundary", json!("connector"), 1),
    ] {
        let told = of(name);
        assert_eq!((&told["value"], told["errors"].as_array().unwrap().len()), (&value, errors), "{name}: {told}");
    }
    let path = "/connector-plugins/JsonConverter/config?version=";
    assert_eq!(api.get(&format!("{path}0.0.7")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(api.get(&format!("{path}4.3.1")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_openapi_document_lists_the_routes() {
    let api = Api::with(&[], &[]).await;
    let answer = api.get("/openapi.json").await;
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    let document = answer.json();
    let methods = ["get", "post", "put", "patch", "delete"];
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let there = item.as_object().unwrap().keys().filter(|name| methods.contains(&name.as_str()));
        told.push((path.clone(), there.map(|method| method.to_uppercase()).collect()));
    }
    let mut routes: Vec<(String, Vec<String>)> = api::routes()
        .into_iter()
        .map(|(path, methods)| (path.to_owned(), methods.into_iter().map(str::to_owned).collect()))
        .collect();
    for (_, methods) in told.iter_mut().chain(&mut routes) {
        methods.sort();
    }
    told.sort();
    routes.sort();
    assert_eq!(told, routes);
}

/// Prometheus and Kubernetes are no clients of Connect's: they get what there is, whatever they ask for.
#[tokio::test]
async fn probes_and_metrics_answer_whoever_asks() {
    let api = Api::with(&[("idle", orders(), Target::Stopped)], &[]).await;
    for path in ["/livez", "/readyz", "/startupz"] {
        for accept in ["text/plain", "*/*"] {
            let answer = api.ask("GET", path, &[(header::ACCEPT, accept)], "").await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
            assert_eq!(answer.json()["connectors"]["idle"], json!({"ok": true, "state": "STOPPED"}), "{path}");
        }
    }
    for (accept, kind) in [
        ("text/plain;version=0.0.4", "text/plain"),
        ("application/openmetrics-text;version=1.0.0,*/*;q=0.1", "application/openmetrics-text"),
    ] {
        let answer = api.ask("GET", "/metrics", &[(header::ACCEPT, accept)], "").await;
        assert!(answer.content_type.is_some_and(|told| told.starts_with(kind)), "{accept}");
        let status = "kafka_connect_connector_status{connector=\"idle\",status=\"stopped\"} 1";
        assert!(answer.text.contains(status), "{}", answer.text);
    }
    let answer = api.get("/admin/loggers/no.such.logger").await;
    assert_eq!(
        (answer.status, answer.message()),
        (StatusCode::NOT_FOUND, "Logger no.such.logger not found.".to_owned())
    );
}
