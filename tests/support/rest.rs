//! A client of the daemon's REST listener.

use serde_json::Value;
use tokio::net::TcpSocket;

use super::{RUNTIME, seconds, wait_for};

/// A port at which nobody answers, and nobody can begin to as long as the socket is held: it is bound, and does not listen.
pub(crate) fn nobody() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

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

    /// The status and the JSON body of the answer to a change, once somebody listens.
    #[track_caller]
    pub(crate) fn send(self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let sent = || {
            let answer = RUNTIME.block_on(async {
                let request = reqwest::Client::new().request(method.parse().unwrap(), &url);
                // Most changes have no body.
                let request = if body.is_null() { request } else { request.json(body) };
                request.send().await
            });
            match answer {
                // Nothing was sent: the daemon has just been started, and does not listen yet.
                Err(error) if error.is_connect() => None,
                answer => Some(answer.unwrap()),
            }
        };
        let answer = wait_for(&format!("somebody listens at {}", self.port), seconds(20), sent);
        let status = answer.status().as_u16();
        (status, RUNTIME.block_on(answer.json()).unwrap_or(Value::Null))
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
