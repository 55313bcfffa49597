//! What the live tests stand on: real servers, the real daemon, and readers of what it did.
//!
//! All of it is blocking, with one runtime behind it: a live test reads from top to bottom, and a writer is a thread.
//! Nothing sleeps for luck; every wait names its condition and its limit.

pub(crate) mod certificates;
pub(crate) mod collector;
pub(crate) mod daemon;
pub(crate) mod database;
pub(crate) mod exposition;
pub(crate) mod gate;
pub(crate) mod issuer;
pub(crate) mod reader;
pub(crate) mod registry;
pub(crate) mod rest;
pub(crate) mod server;
pub(crate) mod topics;
pub(crate) mod tunnel;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;
use tokio::runtime::Runtime;

/// Drives the asynchronous clients; those of HTTP need to be told whose TLS they may use.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// How many times longer than its test says a wait may take. The tests say what an idle machine keeps with room; one that
/// builds, runs servers and other tests beside takes a multiple of it, and a wait that comes true early costs nothing.
const PATIENCE: u32 = 4;

/// Polls until there is an answer; fails the test, with what was waited for, when the limit is over.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let limit = limit * PATIENCE;
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ready() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// [`wait_for`] a condition.
#[track_caller]
pub(crate) fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    wait_for(what, limit, || holds().then_some(()));
}

/// So many seconds.
pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A port that nobody has, below those that systems give to outgoing connections and those of `tests/stack`.
/// Nobody gets it twice: it is bound later, and until then no other test may take it.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = rand::rng().random_range(12_000..20_000);
        let is_new = GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
        if is_new && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
