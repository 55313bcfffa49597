//! The server to connect to, and SQL on it.
//!
//! It owns the settings that every session of ours has, so that values read alike in the snapshot and in the stream.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::Instrument as _;

use super::tls::Tls;
use super::wire::{Refusal, WireError};
use crate::config::Secret;
use crate::source::{Finding, SourceError, gate};

/// Where the database is, and who we are there.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// `database.hostname`
    pub(super) host: String,
    /// `database.port`
    pub(super) port: u16,
    /// `database.user`
    pub(super) user: String,
    /// `database.password`
    pub(super) password: Option<Secret>,
    /// `database.dbname`
    pub(super) database: String,
    /// `database.sslmode` and its files.
    pub(super) tls: Tls,
    /// `database.tcpKeepAlive`
    pub(super) tcp_keep_alive: bool,
    /// How long a connection may take to be made.
    pub(super) connect_timeout: Duration,
}

impl Server {
    /// Settings of every session: text must not depend on what the role or the database has set.
    pub(super) const SESSION: [(&'static str, &'static str); 7] = [
        ("client_encoding", "UTF8"),
        ("application_name", "rowtide"),
        ("DateStyle", "ISO, MDY"),
        ("IntervalStyle", "postgres"),
        ("TimeZone", "UTC"),
        ("extra_float_digits", "1"),
        ("bytea_output", "hex"),
    ];

    /// host:port, as messages show it.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(super) fn password(&self) -> &str {
        self.password.as_ref().map_or("", Secret::reveal)
    }

    /// Lets the kernel find out when the server has gone without a word.
    pub(super) fn keep_alive(&self, socket: &TcpStream) -> std::io::Result<()> {
        let socket = socket2::SockRef::from(socket);
        let probes =
            socket2::TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10));
        if self.tcp_keep_alive { socket.set_tcp_keepalive(&probes) } else { Ok(()) }
    }
}

/// An SQL session. Dropping it ends it.
pub(super) struct Session {
    client: Client,
    address: String,
    connection: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl std::ops::Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Session {
    /// Connects, with TLS as the mode says.
    ///
    /// # Errors
    /// [`SourceError::Connect`], [`SourceError::Authentication`], [`SourceError::Tls`], or a finding when the database does
    /// not exist.
    pub(super) async fn open(server: &Server) -> Result<Self, SourceError> {
        let mut attempts = server.tls.mode.attempts().iter().peekable();
        loop {
            let encrypted = attempts.next().copied().unwrap_or_default();
            match Self::attempt(server, encrypted).await {
                Err(SourceError::Authentication { .. }) if attempts.peek().is_some() => {}
                done => return done,
            }
        }
    }

    async fn attempt(server: &Server, encrypted: bool) -> Result<Self, SourceError> {
        let options: Vec<String> =
            Server::SESSION.iter().map(|(name, value)| format!("-c {name}={}", value.replace(' ', "\\ "))).collect();
        let mut config = Config::new();
        config
            .host(&server.host)
            .port(server.port)
            .user(&server.user)
            .dbname(&server.database)
            .options(options.join(" "))
            .connect_timeout(server.connect_timeout)
            .keepalives(server.tcp_keep_alive)
            .ssl_mode(match (encrypted, server.tls.mode) {
                (false, _) => tokio_postgres::config::SslMode::Disable,
                (true, super::tls::SslMode::Prefer) => tokio_postgres::config::SslMode::Prefer,
                (true, _) => tokio_postgres::config::SslMode::Require,
            });
        if let Some(password) = &server.password {
            config.password(password.reveal());
        }
        let _turn = gate::turn(&server.host, server.port).await;
        let failed = |error: &tokio_postgres::Error| server.connect_error(&wire_error(error));
        let (client, connection) = if encrypted {
            let tls = server.tls.client_config();
            let tls = tls.map_err(|reason| SourceError::Tls { address: server.address(), reason })?;
            let connected = config.connect(MakeRustlsConnect::new(tls)).await;
            let (client, connection) = connected.map_err(|error| failed(&error))?;
            (client, tokio::spawn(async move { drop(connection.await) }.in_current_span()))
        } else {
            let (client, connection) = config.connect(NoTls).await.map_err(|error| failed(&error))?;
            (client, tokio::spawn(async move { drop(connection.await) }.in_current_span()))
        };
        Ok(Self { client, address: server.address(), connection })
    }

    /// What a failed statement means.
    pub(super) fn error(&self, statement: &str, error: &tokio_postgres::Error) -> SourceError {
        sql_error(&self.address, statement, &wire_error(error))
    }
}

impl Server {
    /// What it means that a connection could not be made.
    pub(super) fn connect_error(&self, error: &WireError) -> SourceError {
        let (address, reason) = (self.address(), error.to_string());
        match error {
            WireError::Refused(refusal) if refusal.code == "3D000" => SourceError::Preflight(vec![Finding {
                what: format!("database {:?} does not exist on {address}", self.database),
                remedy: format!("create it (CREATE DATABASE {}), or set database.dbname", quoted(&self.database)),
            }]),
            WireError::Refused(refusal) if refusal.code == "28000" && refusal.message.contains("REPLICATION") => {
                SourceError::Preflight(vec![no_replication(&self.user)])
            }
            WireError::Refused(refusal) if refusal.code == "42501" => {
                SourceError::Preflight(vec![no_replication(&self.user)])
            }
            WireError::Refused(refusal) if refusal.code.starts_with("28") => {
                SourceError::Authentication { address, user: self.user.clone(), reason }
            }
            WireError::Authentication(_) => SourceError::Authentication { address, user: self.user.clone(), reason },
            WireError::Tls(_) => SourceError::Tls { address, reason },
            _ => SourceError::Connect { address, reason },
        }
    }
}

/// The finding that the role may not replicate.
pub(super) fn no_replication(user: &str) -> Finding {
    Finding {
        what: format!("role {user:?} may not replicate"),
        remedy: format!("ALTER ROLE {} REPLICATION", quoted(user)),
    }
}

/// What a failed statement means: the connection is gone, or the server refused.
pub(super) fn sql_error(address: &str, statement: &str, error: &WireError) -> SourceError {
    match error {
        WireError::Refused(refusal) if !ends_session(&refusal.code) => SourceError::Sql {
            statement: statement.to_owned(),
            reason: refusal.to_string(),
            transient: is_transient(&refusal.code),
        },
        error => SourceError::Disconnected { address: address.to_owned(), reason: error.to_string() },
    }
}

/// Whether the server ended the session: it stops, starts or recovers, or somebody terminated us.
fn ends_session(code: &str) -> bool {
    code.starts_with("57P") || code.starts_with("08")
}

/// Whether the statement may succeed later: a serialization failure, missing resources, a lock, a cancelled query.
fn is_transient(code: &str) -> bool {
    ["40", "53", "55P03", "55006", "57", "58"].iter().any(|class| code.starts_with(class))
}

fn wire_error(error: &tokio_postgres::Error) -> WireError {
    use std::error::Error as _;
    if let Some(refused) = error.as_db_error() {
        let details: Vec<&str> = refused.detail().into_iter().chain(refused.hint()).collect();
        return WireError::Refused(Refusal {
            code: refused.code().code().to_owned(),
            message: refused.message().to_owned(),
            detail: (!details.is_empty()).then(|| details.join("; ")),
        });
    }
    let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    if error.to_string().contains("TLS") {
        WireError::Tls(reason)
    } else {
        WireError::Io(std::io::Error::other(reason))
    }
}

/// An identifier as SQL writes it.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    postgres_protocol::escape::escape_literal(text)
}
