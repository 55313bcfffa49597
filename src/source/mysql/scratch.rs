//! Scratch databases: DDL is tried on empty copies of the tables that it names, which are gone when the answer is there.
//!
//! Owns the copies, their names, and the session in which a script runs. Invariants: the script's statements reach the
//! server only rewritten ([`super::rewrite`]), one in each message, in a session whose database is a scratch one; what was
//! made is dropped, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};

use super::catalog::Name;
use super::config::{SCRATCH, is_system};
use super::ddl::TableName;
use super::definition::Definition;
use super::rewrite::{self, Bad, Ddl, Statement};
use super::server::{ANSWER_MAX, Server, quote, quoted};
use crate::source::SourceError;
use crate::source::describe::{DescribeError, Script, quoted as cut};

/// What a script did.
pub(super) struct Tried {
    /// The tables that it names, which are no longer as they were.
    pub(super) replaced: BTreeSet<Name>,
    /// What became of them, under their own names.
    pub(super) found: Vec<(Name, Definition)>,
}

/// A statement, and the tables that it names, each with its database.
struct Step {
    ddl: Ddl,
    database: Option<String>,
}

/// Tries a script. `captured` tells which database is meant where the script names none.
pub(super) async fn attempt(
    server: &Server,
    conn: &mut Conn,
    script: &Script,
    captured: &[Name],
) -> Result<Tried, DescribeError> {
    let databases = databases(server, conn).await?;
    let lower = is_lower_case(server, conn).await?;
    let steps = steps(script, captured)?;
    let mut scratch = Scratch { names: BTreeMap::new(), made: Vec::new(), lower };
    for step in &steps {
        for table in step.ddl.tables() {
            let (database, _) = scratch.full(table, step.database.as_deref());
            if is_system(&database) || !databases.contains_key(&database) {
                let reason = format!("there is no database {database:?} whose tables could be changed");
                return Err(script.wrong(step.ddl.at, reason));
            }
            let id = format!("{SCRATCH}{:012x}_{}", rand::random::<u64>() >> 16, scratch.names.len());
            scratch.names.entry(database).or_insert(id);
        }
    }
    let tried = tokio::select! {
        () = script.stop.cancelled() => None,
        tried = scratch.run(server, conn, (script, &steps), &databases) => Some(tried),
    };
    // A session that was broken off in the middle of an answer is of no more use.
    let cleared = scratch.clear(server).await;
    match tried {
        None => cleared.map_err(DescribeError::from).and(Err(DescribeError::Interrupted)),
        Some(tried) => tried.and_then(|tried| cleared.map_err(DescribeError::from).map(|()| tried)),
    }
}

/// The statements, each with the database of names without one.
fn steps(script: &Script, captured: &[Name]) -> Result<Vec<Step>, DescribeError> {
    let statements = rewrite::statements(&script.text);
    let statements = statements.map_err(|Bad { at, reason }| script.wrong(at, reason))?;
    let mut of_captured: Vec<&String> = captured.iter().map(|(database, _)| database).collect();
    of_captured.dedup();
    let mut database = if let [only] = of_captured.as_slice() { Some((*only).clone()) } else { None };
    let mut steps = Vec::new();
    for statement in statements {
        match statement {
            Statement::Use(name) => database = Some(name),
            Statement::Ddl(ddl) => {
                if let (None, Some(table)) = (&database, ddl.tables().find(|table| table.database.is_none())) {
                    let reason = format!(
                        "table {:?} has no database, and the captured tables are of several: write database.table, or USE \
                         database before it",
                        table.table
                    );
                    return Err(script.wrong(ddl.at, reason));
                }
                steps.push(Step { ddl, database: database.clone() });
            }
        }
    }
    Ok(steps)
}

/// The server's databases, with what their new tables inherit.
async fn databases(server: &Server, conn: &mut Conn) -> Result<BTreeMap<String, String>, SourceError> {
    let statement = "SELECT SCHEMA_NAME, CONCAT('CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', \
                     DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA";
    let rows = server.rows(conn, statement).await?;
    Ok(rows.into_iter().filter_map(|row| mysql_async::from_row_opt(row).ok()).collect())
}

/// Whether names are kept in lower case, whatever is written.
async fn is_lower_case(server: &Server, conn: &mut Conn) -> Result<bool, SourceError> {
    let rows = server.rows(conn, "SELECT @@lower_case_table_names").await?;
    Ok(rows.first().and_then(|row| row.get_opt::<u8, usize>(0)?.ok()).is_some_and(|mode| mode != 0))
}

struct Scratch {
    /// By database: the scratch database that stands for it.
    names: BTreeMap<String, String>,
    /// Those that may be there.
    made: Vec<String>,
    lower: bool,
}

impl Scratch {
    /// A table's name with its database, as the server keeps it.
    fn full(&self, table: &TableName, database: Option<&str>) -> Name {
        let database = table.database.as_deref().or(database).unwrap_or_default();
        if self.lower {
            (database.to_lowercase(), table.table.to_lowercase())
        } else {
            (database.to_owned(), table.table.clone())
        }
    }

    /// The same table in its scratch database.
    fn scratched(&self, (database, table): Name) -> Name {
        // A database that is not copied has no tables here: what refers to them dangles, which is allowed in this session.
        (self.names.get(&database).cloned().unwrap_or_else(|| format!("{SCRATCH}none")), table)
    }

    async fn run(
        &mut self,
        server: &Server,
        conn: &mut Conn,
        (script, steps): (&Script, &[Step]),
        databases: &BTreeMap<String, String>,
    ) -> Result<Tried, DescribeError> {
        let mode = prepare(server, conn).await?;
        for (database, scratch) in self.names.clone() {
            self.made.push(scratch.clone());
            let inherited = databases.get(&database).map(String::as_str).unwrap_or_default();
            let statement = format!("CREATE DATABASE {} {inherited}", quote(&scratch));
            execute(conn, &statement).await.map_err(|error| refused(server, &statement, &error))?;
        }
        let replaced = self.copy(server, conn, steps).await?;
        server.run(conn, &format!("SET SESSION sql_mode = '{mode}'")).await?;
        for step in steps {
            let default = step.database.as_ref().and_then(|database| self.names.get(database));
            if let Some(default) = default.or_else(|| self.made.first()) {
                server.run(conn, &format!("USE {}", quote(default))).await?;
            }
            let renamed = |table: &TableName| self.scratched(self.full(table, step.database.as_deref()));
            let sql = step.ddl.rewritten(&script.text, renamed);
            if let Err(error) = execute(conn, &sql).await {
                return Err(self.told(server, script, step, &error));
            }
        }
        Ok(Tried { replaced, found: self.found(server, conn).await? })
    }

    /// Copies the tables that the script names, without rows. `CREATE TABLE … LIKE` would lose the names of constraints,
    /// which DDL may drop, so the copies are made as the server says that the tables were made.
    async fn copy(&self, server: &Server, conn: &mut Conn, steps: &[Step]) -> Result<BTreeSet<Name>, DescribeError> {
        let tables =
            steps.iter().flat_map(|step| step.ddl.tables().map(|table| self.full(table, step.database.as_deref())));
        let tables: BTreeSet<Name> = tables.collect();
        let mut replaced = BTreeSet::new();
        for name in tables {
            let Some(made) = server.made(conn, &name).await? else { continue };
            let ddl = rewrite::of_server(&made).map_err(|Bad { at, reason }| SourceError::Undecodable {
                what: format!("the definition of {}.{}", name.0, name.1),
                position: format!("character {}", at + 1),
                reason: format!("{reason}, so it cannot be copied for a trial"),
            })?;
            let sql = ddl.rewritten(&made, |table| self.scratched(self.full(table, Some(&name.0))));
            execute(conn, &sql)
                .await
                .map_err(|error| refused(server, &format!("a copy of {}", quoted(&name)), &error))?;
            replaced.insert(name);
        }
        Ok(replaced)
    }

    /// The tables that are there now.
    async fn found(&self, server: &Server, conn: &mut Conn) -> Result<Vec<(Name, Definition)>, SourceError> {
        let mut found = Vec::new();
        for (database, scratch) in &self.names {
            let statement = format!(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE='BASE TABLE' AND TABLE_SCHEMA='{scratch}'"
            );
            for row in server.rows(conn, &statement).await? {
                let Some(table) = row.get_opt::<String, usize>(0).and_then(Result::ok) else { continue };
                if let Some(definition) = server.definition(conn, &(scratch.clone(), table.clone())).await? {
                    found.push(((database.clone(), table), definition));
                }
            }
        }
        Ok(found)
    }

    /// Drops what was made, in a session of its own.
    async fn clear(&self, server: &Server) -> Result<(), SourceError> {
        if self.made.is_empty() {
            return Ok(());
        }
        let clearing = async {
            let mut conn = server.connect().await?;
            prepare(server, &mut conn).await?;
            for scratch in &self.made {
                server.run(&mut conn, &format!("DROP DATABASE IF EXISTS {}", quote(scratch))).await?;
            }
            let _ = conn.disconnect().await;
            Ok(())
        };
        clearing.await.map_err(|error: SourceError| SourceError::Sql {
            statement: format!("DROP DATABASE {}", self.made.join(", ")),
            reason: format!("{error}; these scratch databases may still be there: drop them"),
            transient: false,
        })
    }

    /// What the server said of a statement, with the tables' own names.
    fn told(&self, server: &Server, script: &Script, step: &Step, error: &Error) -> DescribeError {
        let text = script.text.get(step.ddl.at..).and_then(|text| text.split(';').next()).unwrap_or_default();
        let what = cut(text);
        let Error::Server(refused) = error else { return server.failed(&what, error).into() };
        let said =
            self.names.iter().fold(refused.to_string(), |said, (database, scratch)| said.replace(scratch, database));
        match refused.code {
            1044 | 1142 | 1227 => script.untried(step.ddl.at, format!("{what:?}: {said}; {}", grant(server))),
            1053 | 1205 | 1213 | 1317 | 3024 => script.untried(step.ddl.at, format!("{what:?}: {said}")),
            _ => script.wrong(step.ddl.at, format!("{what:?}: {said}")),
        }
    }
}

/// Makes the session ready; gives the server's own mode, without what would change how a statement is read.
async fn prepare(server: &Server, conn: &mut Conn) -> Result<String, SourceError> {
    // Replicas need not hear of it. Not every user may say so; then they make and drop the empty databases too.
    let _ = conn.query_drop("SET SESSION sql_log_bin = 0").await;
    server.run(conn, "SET SESSION foreign_key_checks = 0, SESSION lock_wait_timeout = 10").await?;
    let rows = server.rows(conn, "SELECT @@global.sql_mode").await?;
    let mode: String = rows.first().and_then(|row| row.get_opt(0)?.ok()).unwrap_or_default();
    let read_alike = |mode: &&str| !["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "IGNORE_SPACE", "ANSI"].contains(mode);
    Ok(mode.split(',').filter(read_alike).collect::<Vec<_>>().join(","))
}

/// Runs one statement; a prepared one cannot be two.
async fn execute(conn: &mut Conn, statement: &str) -> Result<(), Error> {
    match tokio::time::timeout(ANSWER_MAX, conn.exec_drop(statement, ())).await {
        Ok(done) => done,
        Err(_) => Err(Error::Io(mysql_async::IoError::Io(std::io::ErrorKind::TimedOut.into()))),
    }
}

/// What it means that a scratch database or a copy could not be made.
fn refused(server: &Server, statement: &str, error: &Error) -> SourceError {
    match error {
        Error::Server(refused) if matches!(refused.code, 1044 | 1142 | 1227) => {
            SourceError::Preflight(vec![crate::source::Finding {
                what: format!(
                    "{:?} may not try DDL in a scratch database ({})",
                    server.config.common.user, refused.message
                ),
                remedy: grant(server),
            }])
        }
        error => server.failed(statement, error),
    }
}

fn grant(server: &Server) -> String {
    format!(
        "GRANT SELECT, INSERT, CREATE, ALTER, DROP, INDEX, REFERENCES ON `{}%`.* TO '{}'@'%'",
        SCRATCH.replace('_', "\\_"),
        server.config.common.user
    )
}
