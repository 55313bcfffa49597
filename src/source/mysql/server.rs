//! The server: connections, and what is asked of it in SQL.
//!
//! Owns how a connection is made (TLS, time-outs, session settings) and what its errors mean; knows no events. Invariant:
//! every session speaks UTF-8 and UTC, whatever the server's defaults.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{ClientIdentity, Conn, DriverError, Error, IoError, Opts, OptsBuilder, Row, SslOpts};

use super::catalog::{Catalog, Name};
use super::config::{MySqlConfig, SslMode, is_system};
use super::ddl;
use super::definition::Definition;
use super::gtid::GtidSet;
use super::unseen;
use crate::config::Secret;
use crate::source::{SourceError, gate};

/// How long an answer may take (Debezium's `database.query.timeout.ms`): else a server that hangs would hang us.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(600);

/// Nobody waits for tables that are not captured: how long they may be locked before they are passed over, in seconds.
pub(super) const WAIT_LITTLE: &str = "SET SESSION lock_wait_timeout=2";

const WAIT_AS_USUAL: &str = "SET SESSION lock_wait_timeout=DEFAULT";

/// Where the server's log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) file: Arc<str>,
    pub(super) pos: u64,
    /// Empty: GTIDs are off.
    pub(super) executed: GtidSet,
}

/// mysql_async 0.37 knows a certificate of another name, which `verify_ca` accepts, by this word in the error's text; that of
/// today's rustls has the word no more, but it quotes the name that was asked for.
const NAME_THAT_NEED_NOT_BE: &str = "NotValidForName";

/// A server, as the configuration names it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) config: Arc<MySqlConfig>,
}

impl Server {
    /// Opens a connection, encrypted as the configuration asks.
    pub(super) async fn connect(&self) -> Result<Conn, SourceError> {
        let ssl = self.ssl();
        let preferred = self.config.ssl_mode == SslMode::Preferred;
        match self.open(ssl).await {
            Err(error) if preferred && is_tls(&error) => {
                tracing::warn!(%error, "no encrypted connection; going on without, as database.ssl.mode=preferred allows");
                self.open(None).await.map_err(|error| self.connecting(&error))
            }
            opened => opened.map_err(|error| self.connecting(&error)),
        }
    }

    async fn open(&self, ssl: Option<SslOpts>) -> Result<Conn, Error> {
        let common = &self.config.common;
        let setup = [
            "SET time_zone='+00:00', sql_mode='', character_set_results=utf8mb4".to_owned(),
            format!("SET SESSION net_write_timeout={}", self.config.net_write_timeout_s),
        ];
        let opts: Opts = OptsBuilder::default()
            .ip_or_hostname(common.host.as_str())
            .tcp_port(common.port)
            .user(Some(common.user.as_str()))
            .pass(common.password.as_ref().map(Secret::reveal))
            .ssl_opts(ssl)
            .prefer_socket(false)
            .tcp_keepalive(Some(Duration::from_secs(60)))
            .setup(setup.to_vec())
            .stmt_cache_size(0)
            .into();
        let _turn = gate::turn(&common.host, common.port).await;
        let timeout = Duration::from_millis(self.config.connect_timeout_ms.max(1));
        match tokio::time::timeout(timeout, Conn::new(opts)).await {
            Ok(opened) => opened,
            Err(_) => Err(Error::Io(IoError::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no answer within connect.timeout.ms={}", timeout.as_millis()),
            )))),
        }
    }

    fn ssl(&self) -> Option<SslOpts> {
        let config = &self.config;
        let verified = matches!(config.ssl_mode, SslMode::VerifyCa | SslMode::VerifyIdentity);
        if config.ssl_mode == SslMode::Disabled {
            return None;
        }
        let mut ssl = SslOpts::default()
            .with_danger_accept_invalid_certs(!verified)
            .with_danger_skip_domain_validation(config.ssl_mode != SslMode::VerifyIdentity);
        if let Some(roots) = &config.ssl_roots {
            ssl = ssl.with_root_certs(vec![std::path::PathBuf::from(roots).into()]).with_disable_built_in_roots(true);
        }
        if config.ssl_mode == SslMode::VerifyCa {
            ssl = ssl.with_danger_tls_hostname_override(Some(NAME_THAT_NEED_NOT_BE));
        }
        if let Some(identity) = &config.ssl_identity {
            let path = std::path::PathBuf::from(identity);
            ssl = ssl.with_client_identity(Some(ClientIdentity::new(path.clone().into(), path.into())));
        }
        Some(ssl)
    }

    /// What an error while connecting means.
    fn connecting(&self, error: &Error) -> SourceError {
        let address = self.config.common.address();
        match error {
            Error::Server(server) if matches!(server.code, 1044 | 1045 | 1698 | 1251 | 1862 | 3118 | 3159) => {
                SourceError::Authentication {
                    address,
                    user: self.config.common.user.clone(),
                    reason: server.message.clone(),
                }
            }
            error if is_tls(error) => SourceError::Tls { address, reason: innermost(error) },
            error => SourceError::Connect { address, reason: innermost(error) },
        }
    }

    /// What an error of a statement means.
    pub(super) fn failed(&self, statement: &str, error: &Error) -> SourceError {
        match error {
            Error::Server(server) => SourceError::Sql {
                statement: statement.to_owned(),
                reason: server.to_string(),
                // Lock time-out, deadlock, killed, shutdown, and a table that changed under a snapshot.
                transient: matches!(server.code, 1053 | 1205 | 1213 | 1317 | 1412 | 1927 | 3024 | 4031 | 1146),
            },
            error => self.lost(&innermost(error)),
        }
    }

    /// The connection is gone.
    pub(super) fn lost(&self, reason: &str) -> SourceError {
        SourceError::Disconnected { address: self.config.common.address(), reason: reason.to_owned() }
    }

    /// The rows of a statement.
    pub(super) async fn rows(&self, conn: &mut Conn, statement: &str) -> Result<Vec<Row>, SourceError> {
        let rows = tokio::time::timeout(ANSWER_MAX, conn.query(statement)).await;
        rows.map_err(|_| self.unanswered(statement))?.map_err(|error| self.failed(statement, &error))
    }

    /// Runs a statement.
    pub(super) async fn run(&self, conn: &mut Conn, statement: &str) -> Result<(), SourceError> {
        let done = tokio::time::timeout(ANSWER_MAX, conn.query_drop(statement)).await;
        done.map_err(|_| self.unanswered(statement))?.map_err(|error| self.failed(statement, &error))
    }

    /// The server took too long.
    pub(super) fn unanswered(&self, statement: &str) -> SourceError {
        self.lost(&format!("no answer to {statement} within {} s", ANSWER_MAX.as_secs()))
    }

    /// Where the log ends.
    pub(super) async fn status(&self, conn: &mut Conn) -> Result<Status, SourceError> {
        let statement = status_statement(conn);
        let rows = self.rows(conn, statement).await?;
        let row = rows.first();
        let text = |index: usize| row.and_then(|row| row.get_opt::<String, usize>(index)?.ok());
        let pos = row.and_then(|row| row.get_opt::<u64, usize>(1)?.ok());
        let (Some(file), Some(pos)) = (text(0), pos) else {
            return Err(SourceError::Sql {
                statement: statement.to_owned(),
                reason: "the server has no binary log; set log_bin".to_owned(),
                transient: false,
            });
        };
        let executed = text(4).unwrap_or_default().parse().map_err(|error: super::gtid::BadGtidSet| {
            SourceError::Sql { statement: statement.to_owned(), reason: error.to_string(), transient: false }
        })?;
        Ok(Status { file: file.into(), pos, executed })
    }

    /// The captured tables, in Debezium's order, and all that the user sees; what the file asks for beside them is warned
    /// of.
    pub(super) async fn tables_for_run(&self, conn: &mut Conn) -> Result<(Vec<Name>, Vec<Name>), SourceError> {
        let visible = self.visible(conn).await?;
        let captured = self.captured(visible.clone());
        unseen::warn(&self.config, &visible, &captured);
        Ok((captured, visible))
    }

    /// The captured tables, in Debezium's order.
    pub(super) async fn tables(&self, conn: &mut Conn) -> Result<Vec<Name>, SourceError> {
        Ok(self.captured(self.visible(conn).await?))
    }

    fn captured(&self, mut tables: Vec<Name>) -> Vec<Name> {
        tables.retain(|(database, table)| self.config.captures(database, table));
        tables
    }

    /// The tables that the user sees, without the server's own.
    async fn visible(&self, conn: &mut Conn) -> Result<Vec<Name>, SourceError> {
        let statement = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE='BASE TABLE'";
        let rows = self.rows(conn, statement).await?;
        let mut names: Vec<Name> = rows
            .into_iter()
            .filter_map(|row| mysql_async::from_row_opt::<(String, String)>(row).ok())
            .filter(|(database, _)| !is_system(database))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The statement that makes a table, as the server says; `None`: there is no such table.
    pub(super) async fn made(&self, conn: &mut Conn, name: &Name) -> Result<Option<String>, SourceError> {
        let statement = format!("SHOW CREATE TABLE {}", quoted(name));
        let rows: Vec<Row> = match conn.query(&statement).await {
            Ok(rows) => rows,
            // No such table, or no such database: a later statement in the log dropped it.
            Err(Error::Server(server)) if matches!(server.code, 1146 | 1049) => return Ok(None),
            Err(error) => return Err(self.failed(&statement, &error)),
        };
        Ok(Some(rows.first().and_then(|row| row.get_opt::<String, usize>(1)?.ok()).unwrap_or_default()))
    }

    /// A table's definition now; `None`: there is no such table.
    pub(super) async fn definition(&self, conn: &mut Conn, name: &Name) -> Result<Option<Definition>, SourceError> {
        let Some(made) = self.made(conn, name).await? else { return Ok(None) };
        understood(name, &made).map(Some)
    }

    /// The definitions of these tables now, and the character sets of databases.
    pub(super) async fn catalog(&self, conn: &mut Conn, tables: &[Name]) -> Result<Catalog, SourceError> {
        Ok(self.structures(conn, tables).await?.0)
    }

    /// The same, with the statements that make the tables. Of tables that are not captured, what cannot be had is left out.
    pub(super) async fn structures(
        &self,
        conn: &mut Conn,
        tables: &[Name],
    ) -> Result<(Catalog, Vec<Made>), SourceError> {
        let mut catalog = Catalog::default();
        for Locale { database, charset, .. } in self.locales(conn).await? {
            catalog.set_charset(database, charset);
        }
        let (captured, others): (Vec<&Name>, Vec<&Name>) =
            tables.iter().partition(|(database, table)| self.config.captures(database, table));
        let mut all = Vec::with_capacity(tables.len());
        for name in captured {
            if let Some(made) = self.made(conn, name).await? {
                catalog.insert(name.clone(), understood(name, &made)?);
                all.push((name.clone(), made));
            }
        }
        if others.is_empty() {
            return Ok((catalog, all));
        }
        self.run(conn, WAIT_LITTLE).await?;
        for name in others {
            let made = match self.made(conn, name).await {
                Ok(Some(made)) => made,
                Ok(None) => continue,
                Err(SourceError::Sql { reason, .. }) => {
                    tracing::debug!(database = name.0, table = name.1, %reason, "its structure is not told");
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Ok(definition) = understood(name, &made) {
                catalog.insert(name.clone(), definition);
            }
            all.push((name.clone(), made));
        }
        self.run(conn, WAIT_AS_USUAL).await?;
        all.sort_unstable();
        Ok((catalog, all))
    }

    /// The character sets and collations of databases.
    pub(super) async fn locales(&self, conn: &mut Conn) -> Result<Vec<Locale>, SourceError> {
        let statement =
            "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA";
        let rows = self.rows(conn, statement).await?;
        let locales = rows.into_iter().filter_map(|row| mysql_async::from_row_opt(row).ok());
        Ok(locales.map(|(database, charset, collation)| Locale { database, charset, collation }).collect())
    }
}

/// A table, and the statement that makes it.
pub(super) type Made = (Name, String);

/// How a database writes text.
pub(super) struct Locale {
    pub(super) database: String,
    pub(super) charset: String,
    pub(super) collation: String,
}

/// The definition that a statement makes.
fn understood(name: &Name, made: &str) -> Result<Definition, SourceError> {
    ddl::definition(made).ok_or_else(|| SourceError::Undecodable {
        what: format!("the definition of {}.{}", name.0, name.1),
        position: "SHOW CREATE TABLE".to_owned(),
        reason: "the statement that makes the table was not understood; please report it".to_owned(),
    })
}

/// What tells where the log ends: the statement got a new name in MySQL 8.2, and lost the old one in 8.4.
fn status_statement(conn: &Conn) -> &'static str {
    let version = conn.server_version();
    if version >= (8, 2, 0) && version.0 < 10 { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" }
}

/// A table's name as SQL.
pub(super) fn quoted((database, table): &Name) -> String {
    format!("{}.{}", quote(database), quote(table))
}

/// A name as SQL.
pub(super) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn is_tls(error: &Error) -> bool {
    match error {
        Error::Io(IoError::Tls(_)) | Error::Driver(DriverError::NoClientSslFlagFromServer) => true,
        // A failed handshake comes as the I/O error that rustls wraps it in.
        Error::Io(IoError::Io(error)) => {
            error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
        }
        _ => false,
    }
}

/// The message of the error at the bottom, which says what happened.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
