use std::time::{Duration, Instant};

use super::fake::{Fake, Reply, error, html, json, record, registry};
use super::*;

/// Longer than a test waits.
const LATE: Duration = Duration::from_secs(3600);

/// Milliseconds: longer than any answer of a fake takes.
const PATIENT: &str = "300000";

const FOUND: &str = r#"{"subject":"t-value","version":2,"id":7,"schema":"{}"}"#;

/// What looking up a schema ends with when that is the answer, and so many milliseconds are waited for it.
async fn lookup(
    limit: &str,
    answer: impl Fn() -> Reply + Send + Sync + 'static,
) -> Result<Option<Registered>, RegistryError> {
    let fake = Fake::start(move |_, _| answer()).await;
    fake.registry(&[("http.read.timeout.ms", limit)]).lookup("t-value", &record("")).await
}

#[tokio::test]
async fn each_answer_has_its_own_message() {
    type Case = (fn() -> Reply, bool, &'static [&'static str]);
    let cases: &[Case] = &[
        (|| error(401, 401), false, &["401", "basic.auth.user.info", "said so"]),
        (|| error(403, 40301), false, &["403", "do not allow", "said so"]),
        (|| html(404, "<html>nothing here</html>"), false, &["404", "/apis/ccompat/v7", "schema.registry.url"]),
        (|| error(404, 404), false, &["404", "schema.registry.url must be its root"]),
        (|| error(409, 409), false, &["409", "said so"]),
        (|| error(422, 42201), false, &["422", "said so"]),
        (|| html(400, "Bad\n  request"), false, &["400", "Bad request"]),
        (|| html(302, "").to("https://other/"), false, &["302", "https://other/", "set schema.registry.url"]),
        (|| html(200, "<html>sign in</html>"), false, &["is no JSON", "text/html", "<html>sign in</html>"]),
        (|| json(200, "[]"), false, &["not what the API promises"]),
        (|| error(500, 50001), true, &["500", "said so"]),
        (|| html(502, "<h1>Bad Gateway</h1>"), true, &["502", "Bad Gateway"]),
        (|| html(503, ""), true, &["503", "no more is said"]),
        (|| error(429, 42901), true, &["429"]),
        (|| json(200, FOUND).after(LATE), true, &["does not answer in time"]),
    ];
    for (answer, can_pass, parts) in cases {
        // Only who never answers is not waited for: however slow the machine is, the others do.
        let limit = if answer().is_late() { "300" } else { PATIENT };
        let error = lookup(limit, answer).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.can_pass(), *can_pass, "{text}");
        assert!(text.starts_with("schema registry http://127.0.0.1:"), "{text}");
        for part in parts.iter().chain(&["subject t-value"]) {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
    for code in [40401, 40402, 40403] {
        assert_eq!(lookup(PATIENT, move || error(404, code)).await.unwrap(), None);
    }
    let found = lookup(PATIENT, || json(200, FOUND)).await.unwrap().unwrap();
    assert_eq!(found, Registered { id: 7, version: Some(2), text: "{}".to_owned() });
}

#[tokio::test]
async fn one_that_is_away_is_waited_for() {
    let fake = Fake::start(|_, before| match before {
        0 => error(500, 50002),
        1 => html(502, "<html>"),
        2 => error(429, 42901),
        _ => json(200, FOUND),
    })
    .await;
    let registry = fake.registry(&[]);
    assert_eq!(registry.writer("t-value", &record("")).await.unwrap().id, 7);
    assert_eq!(fake.calls().len(), 4);
    // What was told once is not asked again.
    assert_eq!(registry.writer("t-value", &record("")).await.unwrap().id, 7);
    assert_eq!(fake.calls().len(), 4);
}

#[tokio::test]
async fn one_that_is_away_is_asked_once_where_somebody_else_waits() {
    let fake = Fake::start(|_, before| if before == 0 { error(500, 50002) } else { json(200, FOUND) }).await;
    let mut registry = fake.registry(&[]);
    registry.ask_once();
    assert!(registry.writer("t-value", &record("")).await.unwrap_err().can_pass());
    assert_eq!(fake.calls().len(), 1);
    assert_eq!(registry.writer("t-value", &record("")).await.unwrap().id, 7);
}

#[tokio::test]
async fn nobody_there_is_waited_for_too() {
    // Bound, so that it is nobody else's, and nobody listens.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = nobody.local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let (registry, _) = registry(&[("schema.registry.url", &url)]).unwrap();
    let error = registry.latest("t-value").await.unwrap_err();
    assert!(error.can_pass() && error.to_string().contains("cannot be reached"), "{error}");
    let schema = record("");
    let (waiting, since) = (registry.writer("t-value", &schema), Instant::now());
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err(), "{:?}", since.elapsed());
}

#[tokio::test]
async fn the_one_that_answers_is_stayed_with() {
    let away = Fake::start(|_, _| html(503, "")).await;
    let there = Fake::start(|_, _| json(200, FOUND)).await;
    let urls = format!("{}, {}", away.url, there.url);
    let (registry, _) = registry(&[("schema.registry.url", &urls)]).unwrap();
    for text in ["", r#"{"name":"a","type":"int"}"#] {
        assert_eq!(registry.writer("t-value", &record(text)).await.unwrap().id, 7);
    }
    assert_eq!((away.calls().len(), there.calls().len()), (1, 2));
    assert_eq!(registry.url(), there.url);
}

#[tokio::test]
async fn an_answer_that_says_no_is_not_asked_of_the_next() {
    let first = Fake::start(|_, _| error(403, 40301)).await;
    let second = Fake::start(|_, _| json(200, FOUND)).await;
    let urls = format!("{},{}", first.url, second.url);
    let (registry, _) = registry(&[("schema.registry.url", &urls)]).unwrap();
    let error = registry.writer("t-value", &record("")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: Some(403), code: Some(40301), .. }), "{error}");
    assert_eq!((first.calls().len(), second.calls().len()), (1, 0));
}

#[tokio::test]
async fn credentials_are_sent_and_not_shown() {
    // u:p@w, t0ken
    let basic = "Basic dTpwQHc=";
    let fake = Fake::start(|_, _| error(401, 401)).await;
    let in_url = fake.url.replace("http://", "http://u:p%40w@");
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("schema.registry.url", &in_url)], basic),
        (&[("basic.auth.credentials.source", "USER_INFO"), ("basic.auth.user.info", "u:p@w")], basic),
        (&[("basic.auth.credentials.source", "user_info"), ("schema.registry.basic.auth.user.info", "u:p@w")], basic),
        (&[("bearer.auth.credentials.source", "STATIC_TOKEN"), ("bearer.auth.token", "t0ken")], "Bearer t0ken"),
        (&[("request.header.Authorization", "Own t0ken")], "Own t0ken"),
    ];
    for (options, sent) in cases {
        let registry = fake.registry(options);
        let error = registry.latest("t-value").await.unwrap_err().to_string();
        let shown = format!("{error}{registry:?}");
        assert!(!shown.contains("p@w") && !shown.contains("p%40w") && !shown.contains("t0ken"), "{shown}");
        assert_eq!(fake.seen().last().unwrap().header("authorization"), sent);
    }
}

#[tokio::test]
async fn paths_and_names_are_sent_whole() {
    let fake = Fake::start(|_, _| json(200, FOUND)).await;
    let root = format!("{}/apis/ccompat/v7/", fake.url);
    let more = [("schema.registry.url", root.as_str()), ("normalize.schemas", "true"), ("request.header.X-A", "b")];
    fake.registry(&more).lookup("a/b c-value", &record("")).await.unwrap();
    let seen = &fake.seen()[0];
    assert_eq!(seen.call, "POST /apis/ccompat/v7/subjects/a%2Fb%20c-value?normalize=true");
    assert_eq!((seen.header("x-a"), seen.header("content-type")), ("b", "application/vnd.schemaregistry.v1+json"));
    assert_eq!(seen.body, serde_json::json!({"schema": record("").text}));
}
