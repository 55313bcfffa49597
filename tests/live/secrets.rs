//! Secrets in every place where there may be one, errors of every kind, the log at its most talkative: nothing that the
//! daemon says holds any of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Database;
use crate::support::gate::Gate;
use crate::support::reader::Reader;
use crate::support::registry::Registry;
use crate::support::server::{self, Server};
use crate::support::{RUNTIME, seconds, wait_until};

/// Every secret of the test begins so, and goes on with where it is.
const SIGN: &str = "XyzzyPloverPlugh";

/// A secret of that place.
fn secret(place: &str) -> String {
    format!("{SIGN}-{place}")
}

/// Asks with the API's password, and keeps every answer.
struct Client<'a> {
    daemon: &'a Daemon,
    said: Vec<String>,
}

impl Client<'_> {
    fn ask_with(&mut self, method: &str, path: &str, body: String, password: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.daemon.rest.port);
        let (status, answer) = RUNTIME.block_on(async {
            let request = reqwest::Client::new().request(method.parse().unwrap(), url);
            let request = request.basic_auth("ops", Some(password)).header("content-type", "application/json");
            let answer = request.body(body).send().await.unwrap();
            let head = format!("{:?}", answer.headers());
            (answer.status().as_u16(), head + &answer.text().await.unwrap())
        });
        self.said.push(format!("{method} {path} {status} {answer}"));
        (status, answer)
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask_with(method, path, body, &secret("rest"))
    }

    fn wait(&mut self, connector: &str, state: &str) {
        let state = format!("\"state\":\"{state}\"");
        wait_until(&format!("the task of {connector} is {state}"), seconds(40), || {
            let (_, answer) = self.ask("GET", &format!("/connectors/{connector}/status"), &Value::Null);
            answer.split("\"tasks\"").nth(1).is_some_and(|tasks| tasks.contains(&state))
        });
    }
}

/// A connector of that database under another name, and what becomes of its task.
fn connector(database: &Database<'_>, name: &str, more: &Value) -> Value {
    let mut more = more.clone();
    for key in ["slot.name", "publication.name", "topic.prefix"] {
        more[key] = json!(name);
    }
    let mut file = database.connector(&more);
    file["name"] = json!(name);
    file
}

/// The port of a registry that lets nobody in; it answers as long as the tests run.
fn registry_that_refuses() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // Who says nothing holds up nobody else.
            std::thread::spawn(move || refuse(&connection));
        }
    });
    port
}

/// Reads a request whole, and refuses it: a connection that is closed with something unread is reset, and the answer lost.
fn refuse(connection: &TcpStream) {
    let (mut reading, mut writing) = (BufReader::new(connection), connection);
    let (mut line, mut length) = (String::new(), 0_usize);
    while reading.read_line(&mut line).is_ok_and(|read| read > 2) {
        let head = line.to_ascii_lowercase();
        length = head.strip_prefix("content-length:").map_or(length, |length| length.trim().parse().unwrap());
        line.clear();
    }
    let _ = reading.read_exact(&mut vec![0; length]);
    let body = r#"{"error_code":40101,"message":"Unauthorized"}"#;
    let head = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = writing.write_all((head + body).as_bytes());
}

/// A login that is refused, registries that refuse, a broker that wants no login.
fn failing(database: &Database<'_>) -> Vec<(&'static str, Value, &'static str)> {
    let strict = registry_that_refuses();
    let avro = "io.confluent.connect.avro.AvroConverter";
    let right = secret("inline");
    let url = |user_info: &str| format!("http://{user_info}127.0.0.1:{strict}");
    let jaas = format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"{}\";",
        secret("jaas")
    );
    let login = format!(
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId=\"u\" clientSecret=\"{}\";",
        secret("client")
    );
    let with = |name: &'static str, more: Value, state: &'static str| (name, connector(database, name, &more), state);
    vec![
        with("wrong_login", json!({"database.password": right}), "FAILED"),
        with(
            "wrong_jaas",
            json!({"database.password": right, "producer.override.security.protocol": "SASL_PLAINTEXT",
            "producer.override.sasl.mechanism": "SCRAM-SHA-256", "producer.override.sasl.jaas.config": jaas,
            "producer.override.ssl.keystore.password": secret("keystore")}),
            "RESTARTING",
        ),
        with(
            "wrong_token",
            json!({"database.password": right, "producer.override.security.protocol": "SASL_PLAINTEXT",
            "producer.override.sasl.mechanism": "OAUTHBEARER", "producer.override.sasl.jaas.config": login,
            "producer.override.sasl.oauthbearer.token.endpoint.url": url(&format!("u:{}@", secret("tokenurl")))}),
            "RESTARTING",
        ),
        with(
            "url_registry",
            json!({"database.password": right, "value.converter": avro,
            "value.converter.schema.registry.url": url(&format!("u:{}@", secret("url")))}),
            "FAILED",
        ),
        with(
            "info_registry",
            json!({"database.password": right, "value.converter": avro,
            "value.converter.schema.registry.url": url(""), "value.converter.basic.auth.credentials.source": "USER_INFO",
            "value.converter.basic.auth.user.info": format!("u:{}", secret("info"))}),
            "FAILED",
        ),
        with(
            "bearer_registry",
            json!({"database.password": right, "value.converter": avro,
            "value.converter.schema.registry.url": url(""), "value.converter.bearer.auth.credentials.source": "STATIC_TOKEN",
            "value.converter.bearer.auth.token": secret("bearer")}),
            "FAILED",
        ),
    ]
}

/// What is refused when it is registered, and all the same holds secrets.
fn refused(database: &Database<'_>) -> Vec<Value> {
    let file = connector(database, "refused", &json!({"database.password": secret("draft")}));
    let with = |more: Value| {
        let mut file = file.clone();
        file["config"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        file
    };
    vec![
        with(json!({"database.user": "by_inline"})),
        with(json!({"database.hostname": "no-such-host.invalid"})),
        with(json!({"database.port": "${env:TEST_OF_SECRETS}"})),
        with(json!({"tasks.max": "${env:TEST_OF_SECRETS}", "snapshot.mode": "${env:TEST_OF_SECRETS}"})),
        with(json!({"connector.class": "${env:TEST_OF_SECRETS}"})),
        with(json!({"connector.class": null})),
        with(json!({"transforms": "m", "transforms.m.type": "io.rowtide.transforms.Mask", "transforms.m.fields": "(",
            "transforms.m.secret": secret("transform")})),
        with(json!({"value.converter": "io.confluent.connect.avro.AvroConverter",
            "value.converter.schema.registry.url": format!("ftp://u:{}@nowhere", secret("badurl"))})),
        with(json!({"producer.override.sasl.jaas.config": format!("Krb5LoginModule x={}", secret("badjaas"))})),
    ]
}

/// One that works, from each place that a password can come from.
fn working(database: &Database<'_>, setup: &Setup, gate: &Gate) -> Vec<(&'static str, Value, &'static str)> {
    let folder = setup.path("secret");
    let places = [
        ("by_inline", secret("inline")),
        ("by_env", "${env:TEST_OF_SECRETS}".to_owned()),
        ("by_file", format!("${{file:{}:password}}", folder.join("db.properties").display())),
        ("by_dir", format!("${{dir:{}:password}}", folder.display())),
    ];
    let mut all = Vec::new();
    for (name, password) in places {
        let more = json!({"database.user": name, "database.password": password, "transforms": "m",
            "transforms.m.type": "io.rowtide.transforms.Mask", "transforms.m.fields": "v",
            "transforms.m.secret": secret("mask")});
        all.push((name, connector(database, name, &more), "RUNNING"));
    }
    let mut more = json!({"database.user": "by_inline", "database.password": secret("inline")});
    for part in ["key.converter", "value.converter"] {
        more[part] = json!("io.confluent.connect.avro.AvroConverter");
        more[format!("{part}.schema.registry.url")] = json!(format!("http://127.0.0.1:{}/apis/ccompat/v7", gate.port));
        more[format!("{part}.basic.auth.credentials.source")] = json!("USER_INFO");
        more[format!("{part}.basic.auth.user.info")] = json!(format!("u:{}", secret("registry")));
    }
    all.push(("by_registry", connector(database, "by_registry", &more), "RUNNING"));
    all
}

fn prepare(server: &Server) -> Database<'_> {
    let database = Database::create(server, "secrets");
    let mut session = database.session();
    session.execute("CREATE ROLE scram_users");
    for (name, place) in [("by_inline", "inline"), ("by_env", "env"), ("by_file", "file"), ("by_dir", "dir")] {
        session.execute(&format!(
            "CREATE ROLE {name} LOGIN SUPERUSER REPLICATION PASSWORD '{}' IN ROLE scram_users",
            secret(place)
        ));
    }
    session.execute("CREATE TABLE t (id int PRIMARY KEY, v text)");
    session.execute("INSERT INTO t VALUES (1, 'a')");
    database
}

fn started() -> (Setup, Daemon) {
    let setup = Setup::new();
    let folder = setup.path("secret");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("password"), secret("dir")).unwrap();
    std::fs::write(folder.join("db.properties"), format!("password={}\n", secret("file"))).unwrap();
    let users = setup.path("users");
    std::fs::write(&users, format!("ops:{}\n", bcrypt::hash(secret("rest"), 4).unwrap())).unwrap();
    let setup = setup
        .variable("TEST_OF_SECRETS", &secret("env"))
        .set("bootstrap.servers", &server::kafka().address())
        .set("rest.auth.basic.file", &users.display().to_string())
        .set("log.level", "trace")
        // Some of them have what they cannot deliver, and nobody waits for that.
        .set("task.shutdown.graceful.timeout.ms", "3000")
        .set("consumer.sasl.password", &secret("consumer"));
    let daemon = setup.start();
    daemon.says("the REST API listens", seconds(10));
    (setup, daemon)
}

/// The registry was used, and only with its password.
fn passes(gate: &Gate) {
    let registry = Registry::of(server::registry());
    wait_until("the schemas are there", seconds(30), || !registry.versions("by_registry.public.t-value").is_empty());
    let mut reader = Reader::new(server::kafka(), "by_registry.");
    wait_until("the row is there", seconds(30), || !reader.read().is_empty());
    let (admitted, refused) = gate.counts();
    assert!(admitted > 1 && refused == 0, "{admitted} came through, {refused} did not");
    let without = RUNTIME.block_on(reqwest::get(format!("http://127.0.0.1:{}/apis/ccompat/v7/subjects", gate.port)));
    assert_eq!((without.unwrap().status().as_u16(), gate.counts().1), (401, 1));
}

#[test]
fn nothing_that_is_said_holds_a_secret() {
    let server = Server::own("postgres", "secrets", &[]);
    let database = prepare(&server);
    let mysql = Database::create(server::mysql80(), "secrets");
    let (setup, daemon) = started();
    let mut client = Client { daemon: &daemon, said: Vec::new() };
    let gate = Gate::before(server::registry().address(), "u", &secret("registry"));
    let mut of_postgres = working(&database, &setup, &gate);
    of_postgres.extend(failing(&database).into_iter().map(|(name, mut file, state)| {
        file["config"]["database.user"] = json!("by_inline");
        (name, file, state)
    }));
    for (name, file, state) in &of_postgres {
        // A login is tried before a connector is made, so that one is made right, and put wrong under its feet.
        let mut made = file.clone();
        if *name == "wrong_login" {
            made["config"]["database.password"] = json!(secret("inline"));
        }
        let (status, answer) = client.ask("POST", "/connectors", &made);
        assert_eq!(status, 201, "{name}: {answer}");
        if *name == "wrong_login" {
            client.wait(name, "RUNNING");
            database.session().execute(&format!("ALTER ROLE by_inline PASSWORD '{}'", secret("changed")));
            client.ask("POST", &format!("/connectors/{name}/restart?includeTasks=true"), &Value::Null);
            client.wait(name, state);
            database.session().execute(&format!("ALTER ROLE by_inline PASSWORD '{}'", secret("inline")));
            continue;
        }
        client.wait(name, state);
        for path in ["", "/config", "/status", "/tasks", "/offsets", "/topics", "?expand=info"] {
            client.ask("GET", &format!("/connectors/{name}{path}"), &Value::Null);
        }
    }
    passes(&gate);
    let wrong = json!({"database.password": secret("mysql")});
    let (status, _) = client.ask("POST", "/connectors", &connector(&mysql, "mysql_wrong", &wrong));
    assert_eq!(status, 400);
    for file in refused(&database) {
        let (status, answer) = client.ask("POST", "/connectors", &file);
        assert!((400..500).contains(&status), "{status} {answer}");
        client.ask("PUT", "/connectors/by_file/config", &file["config"]);
        let class = "io.debezium.connector.postgresql.PostgresConnector";
        client.ask("PUT", &format!("/connector-plugins/{class}/config/validate"), &file["config"]);
    }
    client.ask("GET", "/connectors?expand=info&expand=status", &Value::Null);
    client.ask("GET", "/metrics", &Value::Null);
    let broken = format!("{{\"name\": \"a\", \"config\": {{\"database.password\": {}}}}}", secret("broken"));
    assert_eq!(client.ask_with("POST", "/connectors", broken, &secret("rest")).0, 400);
    assert_eq!(client.ask_with("GET", "/connectors", String::new(), &secret("guess")).0, 401);
    // Placeholders are what is kept.
    let (_, by_dir) = client.ask("GET", "/connectors/by_dir/config", &Value::Null);
    assert!(by_dir.contains("${dir:"), "{by_dir}");
    let said = std::mem::take(&mut client.said);
    // Some of them have what they cannot deliver, so it is no clean stop.
    daemon.terminate();
    daemon.ended(seconds(30));
    let log = daemon.log();
    let lines: Vec<&str> = said.iter().map(String::as_str).chain(log.lines()).collect();
    assert!(lines.len() > 1000, "the log at trace level has only {} lines", lines.len());
    let leaks = leaks(&lines);
    assert!(leaks.is_empty(), "{} lines hold secrets:\n{}", leaks.len(), leaks[..leaks.len().min(20)].join("\n"));
}

/// The lines that hold a secret, as it is or as part of a login over HTTP.
fn leaks(lines: &[&str]) -> Vec<String> {
    // Such a login is the base64 of user:secret, in which the secret begins at one of three places.
    let coded = ["", "u:", "ops:"].map(|before| STANDARD.encode(format!("{before}{SIGN}-")));
    let signs: Vec<&str> = coded.iter().map(|code| &code[4..code.len() - 4]).chain([SIGN]).collect();
    let leaky = lines.iter().filter(|line| signs.iter().any(|sign| line.contains(sign)));
    leaky.map(|line| line.chars().take(600).collect()).collect()
}

#[test]
fn leaks_are_seen() {
    let plain = format!("password={}", secret("a"));
    let coded = ["u:", "ops:", "user:", ""].map(|user| STANDARD.encode(format!("{user}{}", secret("a"))));
    let lines: Vec<&str> = coded.iter().map(String::as_str).chain([plain.as_str(), "nothing"]).collect();
    assert_eq!(leaks(&lines).len(), 5);
}
