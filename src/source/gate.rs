//! The way to a database server: however many connectors want to connect, few do so at the same time.
//!
//! A server that has just started, or that a hundred connectors were registered for at once, is not stormed; whoever waits is
//! served in turn. It is one for the process, because that is what the server sees. Connections that are open do not count here:
//! [`super::seats`] does.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections to one server are opened at the same time.
const AT_A_TIME: usize = 8;

static GATES: LazyLock<Mutex<HashMap<String, Arc<Semaphore>>>> = LazyLock::new(Mutex::default);

/// The right to open a connection, until it is dropped.
#[derive(Debug)]
pub struct Turn(
    /// `None` only if there were no gate any more.
    #[expect(dead_code, reason = "it is held")]
    Option<OwnedSemaphorePermit>,
);

/// Waits until it is our turn to connect to a server.
pub async fn turn(host: &str, port: u16) -> Turn {
    let address = format!("{}:{port}", host.to_ascii_lowercase());
    let gate = {
        let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(address).or_insert_with(|| Arc::new(Semaphore::new(AT_A_TIME))))
    };
    Turn(gate.acquire_owned().await.ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_server_is_not_stormed() {
        let mut turns = Vec::new();
        for _ in 0..AT_A_TIME {
            turns.push(turn("stormed.example", 1).await);
        }
        let late = tokio::time::timeout(Duration::from_millis(10), turn("Stormed.Example", 1)).await;
        assert!(late.is_err(), "one more has to wait");
        turn("stormed.example", 2).await;
        turn("other.example", 1).await;
        turns.pop();
        turn("stormed.example", 1).await;
    }
}
