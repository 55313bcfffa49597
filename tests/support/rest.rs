//! A client of the daemon's REST listener.

use serde_json::Value;

use super::RUNTIME;

/// Where a daemon listens.
#[derive(Clone, Copy)]
pub(crate) struct Rest {
    pub(crate) port: u16,
}

impl Rest {
    /// The status and the JSON body; `None` while nobody answers.
    pub(crate) fn get(self, path: &str) -> Option<(u16, Value)> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        RUNTIME.block_on(async {
            let answer = reqwest::get(url).await.ok()?;
            let status = answer.status().as_u16();
            Some((status, answer.json().await.unwrap_or(Value::Null)))
        })
    }

    /// The status and the JSON body of the answer to a change.
    #[track_caller]
    pub(crate) fn send(self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        RUNTIME.block_on(async {
            let request = reqwest::Client::new().request(method.parse().unwrap(), url);
            // Most changes have no body.
            let request = if body.is_null() { request } else { request.json(body) };
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            (status, answer.json().await.unwrap_or(Value::Null))
        })
    }

    /// Makes a change that must be answered so.
    #[track_caller]
    pub(crate) fn change(self, method: &str, path: &str, body: &Value, expected: u16) -> Value {
        let (status, answer) = self.send(method, path, body);
        assert_eq!(status, expected, "{method} {path}: {answer}");
        answer
    }

    /// The states of a connector and of its task, which may have none.
    pub(crate) fn states(self, connector: &str) -> Option<(String, Option<String>)> {
        let (status, body) = self.get(&format!("/connectors/{connector}/status"))?;
        let task = body["tasks"].get(0).map(|task| task["state"].as_str().unwrap_or_default().to_owned());
        (status == 200).then(|| (body["connector"]["state"].as_str().unwrap_or_default().to_owned(), task))
    }

    /// The state of a connector's task, and the trace of its failure.
    pub(crate) fn task(self, connector: &str) -> Option<(String, String)> {
        let (status, body) = self.get(&format!("/connectors/{connector}/status"))?;
        let task = body["tasks"].get(0)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (status == 200).then(|| (text(&task["state"]), text(&task["trace"])))
    }
}
