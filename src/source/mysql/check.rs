//! Preflight: whether the server is set up for what was asked, all findings at once, each with what mends it.
//!
//! Asks and judges; changes nothing. Grants are tried, not read: roles and wildcards make their text misleading.

use std::collections::HashMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Row};

use super::server::Server;
use crate::source::{Finding, SourceError};

/// What the server is, as far as the source cares.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// As the server writes it.
    pub(super) version: String,
    /// `gtid_mode` is on.
    pub(super) gtid: bool,
    /// `binlog_row_metadata=FULL`
    pub(super) full_metadata: bool,
}

const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'log_bin', 'binlog_format', \
                         'binlog_row_image', 'binlog_row_metadata', 'binlog_row_value_options', 'gtid_mode', 'server_id')";

impl Server {
    /// Checks the server.
    ///
    /// # Errors
    /// All that must be mended, at once.
    pub(super) async fn check(&self, conn: &mut Conn) -> Result<Facts, SourceError> {
        let rows = self.rows(conn, VARIABLES).await?;
        let variables: HashMap<String, String> =
            rows.into_iter().filter_map(|row| mysql_async::from_row_opt::<(String, String)>(row).ok()).collect();
        let mut findings = judge(&variables, self.config.server_id);
        findings.extend(self.check_grants(conn).await?);
        if !findings.is_empty() {
            return Err(SourceError::Preflight(findings));
        }
        let variable = |name: &str| variables.get(name).map(String::as_str).unwrap_or_default();
        let facts = Facts {
            version: variable("version").to_owned(),
            gtid: variable("gtid_mode").eq_ignore_ascii_case("on"),
            full_metadata: variable("binlog_row_metadata").eq_ignore_ascii_case("full"),
        };
        if !facts.full_metadata {
            tracing::warn!(
                "binlog_row_metadata is not FULL: names and keys come from the tables' present definitions, and rows from \
                 before a change of a table may stop the connector; SET PERSIST binlog_row_metadata='FULL' is better"
            );
        }
        Ok(facts)
    }

    /// The grants that reading the log takes.
    async fn check_grants(&self, conn: &mut Conn) -> Result<Vec<Finding>, SourceError> {
        let user = &self.config.common.user;
        let mut findings = Vec::new();
        if let Err(SourceError::Sql { reason, .. }) = self.status(conn).await {
            findings.push(Finding {
                what: format!("{user:?} may not see where the log ends ({reason})"),
                remedy: format!("GRANT REPLICATION CLIENT ON *.* TO '{user}'@'%'"),
            });
        }
        let replicas = if conn.server_version() >= (8, 0, 22) { "SHOW REPLICAS" } else { "SHOW SLAVE HOSTS" };
        let rows: Result<Vec<Row>, Error> = conn.query(replicas).await;
        match rows {
            Ok(rows) => {
                let ids = rows.iter().filter_map(|row| row.get_opt::<u32, usize>(0)?.ok());
                if ids.into_iter().any(|id| id == self.config.server_id) {
                    // The server forgets an earlier run only at its next heartbeat.
                    tracing::info!(
                        server_id = self.config.server_id,
                        "the server knows a replica of this database.server.id; if that is not an earlier run of this \
                         connector, the two will interrupt each other: give each its own"
                    );
                }
            }
            Err(Error::Server(error)) => findings.push(Finding {
                what: format!("{user:?} may not read the log ({})", error.message),
                remedy: format!("GRANT REPLICATION SLAVE ON *.* TO '{user}'@'%'"),
            }),
            Err(error) => return Err(self.failed(replicas, &error)),
        }
        Ok(findings)
    }
}

/// What the server's variables lack.
fn judge(variables: &HashMap<String, String>, server_id: u32) -> Vec<Finding> {
    let variable = |name: &str| variables.get(name).map(String::as_str).unwrap_or_default();
    let wrong = |name: &str, right: &str| {
        // A variable that this version no longer has is as it should be.
        variables.get(name).is_some_and(|value| !value.eq_ignore_ascii_case(right))
    };
    let mut findings = Vec::new();
    let mut finding = |what: String, remedy: &str| findings.push(Finding { what, remedy: remedy.to_owned() });
    if wrong("log_bin", "ON") {
        finding(
            "the server writes no binary log (log_bin=OFF)".to_owned(),
            "start it with log_bin, or without --skip-log-bin",
        );
    }
    if wrong("binlog_format", "ROW") {
        let format = variable("binlog_format");
        finding(
            format!("binlog_format is {format}; only ROW holds the rows"),
            "SET PERSIST binlog_format='ROW', and reconnect all clients",
        );
    }
    if wrong("binlog_row_image", "FULL") {
        let image = variable("binlog_row_image");
        finding(
            format!(
                "binlog_row_image is {image}: the log leaves out columns that did not change, so events would lack them"
            ),
            "SET PERSIST binlog_row_image='FULL', and reconnect all clients",
        );
    }
    if variable("server_id") == server_id.to_string() {
        finding(
            format!("database.server.id={server_id} is the server's own server_id"),
            "set another database.server.id, unique among the server and its replicas",
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(changes: &[(&str, &str)]) -> String {
        let good = [("log_bin", "ON"), ("binlog_format", "ROW"), ("binlog_row_image", "FULL"), ("server_id", "1")];
        let variables = good.iter().chain(changes).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        SourceError::Preflight(judge(&variables, 7)).to_string()
    }

    #[test]
    fn says_what_is_wrong_and_what_mends_it() {
        assert_eq!(findings(&[]), "");
        assert!(findings(&[("binlog_format", "STATEMENT")]).contains("SET PERSIST binlog_format='ROW'"));
        let all = findings(&[("log_bin", "OFF"), ("binlog_row_image", "MINIMAL"), ("server_id", "7")]);
        assert_eq!(all.lines().count(), 3, "{all}");
        assert!(all.contains("own server_id") && all.contains("binlog_row_image='FULL'"));
    }
}
