//! Servers, started by `tests/stack/stack` and owned by this process: they are removed when it has gone, whatever ends it.
//!
//! The shared ones start with the first test that asks for them. A test that stops its server, or gives it settings of its
//! own, starts one for itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use serde::Deserialize;

use super::{seconds, wait_until};

/// A running server.
#[derive(Deserialize)]
pub(crate) struct Server {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) port: u16,
    /// Of the process that was started first.
    pub(crate) pid: u32,
    /// All of them; the second one of a broker is its controller's.
    pub(crate) ports: Vec<u16>,
    /// Its data, its log, its certificates.
    pub(crate) dir: PathBuf,
    #[serde(skip)]
    own: bool,
}

impl Server {
    /// A server for one test; removed when dropped. The name tells it from others of its kind.
    pub(crate) fn own(kind: &str, name: &str, settings: &[&str]) -> Self {
        let mut server = Self::start(kind, &format!("{kind}-{name}"), settings);
        server.own = true;
        server
    }

    /// Two brokers of one cluster, of which the second can be away by itself.
    pub(crate) fn two_brokers(name: &str) -> (Self, Self) {
        let first = Self::own("kafka", name, &[]);
        let second = Self::own("kafka", &format!("{name}-2"), &[&format!("second.of={}", first.ports[1])]);
        // It answers before the controller lets it have topics.
        second.has_brokers(2);
        first.has_brokers(2);
        (first, second)
    }

    /// Waits until this broker knows of so many that can have topics.
    fn has_brokers(&self, count: usize) {
        // No consumer: a group would make Kafka make its topic of offsets, wherever it likes.
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", self.address()).create().unwrap();
        wait_until(&format!("{} knows of {count} brokers", self.name), seconds(60), || {
            admin.inner().fetch_metadata(None, seconds(20)).is_ok_and(|metadata| metadata.brokers().len() == count)
        });
    }

    fn start(kind: &str, name: &str, settings: &[&str]) -> Self {
        let process = std::process::id().to_string();
        let name = format!("test-{process}-{name}");
        let arguments = [&["start", kind, &name, "--owner", &process], settings].concat();
        serde_json::from_str(&stack(&arguments)).unwrap()
    }

    /// host:port
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stops it; its data and its port stay.
    pub(crate) fn stop(&self) {
        stack(&["stop", &self.name]);
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&self) {
        stack(&["kill", &self.name]);
    }

    /// Stops it if it runs, and starts it with these settings; without any, with those it had.
    pub(crate) fn restart(&self, settings: &[&str]) {
        stack(&[&["restart", &self.name], settings].concat());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.own {
            stack(&["remove", &self.name]);
        }
    }
}

/// The PostgreSQL that tests share: the newest of the system, or the one that `stack` installs.
pub(crate) fn postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("postgres", "postgres", &[]))
}

/// The MySQL 8.0 that tests share.
pub(crate) fn mysql80() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("mysql80", "mysql80", &[]))
}

/// The MySQL 9.7 that tests share.
pub(crate) fn mysql97() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("mysql97", "mysql97", &[]))
}

/// The broker that tests share.
pub(crate) fn kafka() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("kafka", "kafka", &[]))
}

/// Kafka Connect with Debezium, a worker on that broker.
pub(crate) fn connect() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    // A task that is slow to stop would not save its last offsets, and then repeat what it has sent.
    let (stop, flush) = ("task.shutdown.graceful.timeout.ms=60000", "offset.flush.timeout.ms=60000");
    let broker = || format!("bootstrap.servers={}", kafka().address());
    SERVER.get_or_init(|| Server::start("connect", "connect", &[&broker(), stop, flush]))
}

/// The schema registry that tests share.
pub(crate) fn registry() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("registry", "registry", &[]))
}

/// The interpreter of the environment that `stack` installs.
pub(crate) fn python() -> PathBuf {
    PathBuf::from(stack(&["path", "python"]).trim()).join("bin/python")
}

fn stack(arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/stack");
    let done = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "stack {}: {}\n{said}", arguments.join(" "), done.status);
    String::from_utf8(done.stdout).unwrap()
}
