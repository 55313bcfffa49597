//! The captured tables as the stream would tell of them, now or after DDL that nobody has run yet.
//!
//! It owns the transaction in which the catalogue is read, and in which DDL is tried: it is rolled back, whatever happens.
//! Invariants: no statement of a script can end that transaction, since each is sent alone and only DDL is let through;
//! and none keeps others waiting for longer than the limits here.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::ErrorPosition;

use super::catalog::{self, CatalogTable};
use super::check::{self, Captured};
use super::config::{PostgresConfig, SnapshotMode};
use super::message::Messages;
use super::schema::{self, Relation};
use super::script::{Statement, Unclosed, statements};
use super::server::{Session, quoted as quoted_name};
use super::snapshot;
use super::told::Origin;
use crate::event::Table;
use crate::source::SourceError;
use crate::source::describe::{DescribeError, Described, Description, Script, quoted};

/// How long a statement of a script may wait for locks. Who waits for a lock keeps those waiting who come later.
const LOCK_MAX: Duration = Duration::from_secs(3);
/// How long a statement of a script may run.
const STATEMENT_MAX: Duration = Duration::from_secs(10);
/// How long the transaction may hold the locks of a script, reading the catalogue included.
const TRIAL_MAX: Duration = Duration::from_secs(30);

/// What a statement of a script may begin with.
const DDL: &[&str] =
    &["alter", "comment", "create", "do", "drop", "grant", "reassign", "reset", "revoke", "security", "set"];

/// What begins and ends transactions, where the script has its own: all of it is tried in one.
const PASSED_OVER: &[&[&str]] = &[
    &["begin"],
    &["begin", "work"],
    &["begin", "transaction"],
    &["start", "transaction"],
    &["commit"],
    &["commit", "work"],
    &["commit", "transaction"],
    &["end"],
    &["end", "work"],
    &["end", "transaction"],
];

/// Describes the captured tables; where there is a script, as they would be after it.
///
/// # Errors
/// When the database cannot be asked, or the script cannot be tried.
pub async fn describe(config: &PostgresConfig, script: Option<&Script>) -> Result<Description, DescribeError> {
    let session = Session::open(&config.server).await?;
    let Some(script) = script else {
        run(&session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        return Ok(read(config, &session).await?);
    };
    let statements = readable(script)?;
    run(&session, "BEGIN").await?;
    let trial = async {
        for statement in &statements {
            attempt(config, &session, script, statement).await?;
        }
        // The script may have set where names are looked up.
        run(&session, "SET LOCAL search_path TO DEFAULT").await?;
        Ok(read(config, &session).await?)
    };
    let described = tokio::select! {
        () = script.stop.cancelled() => Err(DescribeError::Interrupted),
        described = tokio::time::timeout(TRIAL_MAX, trial) => described.unwrap_or_else(|_| {
            let seconds = TRIAL_MAX.as_secs();
            Err(script.untried(0, format!(
                "trying the script and reading the catalogue took longer than {seconds} s, and its locks are not held longer \
                 than that; nothing was changed. Try it on a database that is less busy"
            )))
        }),
    };
    // A session that ends rolls back too; this one says so before the answer is given.
    if let Err(error) = session.batch_execute("ROLLBACK").await {
        tracing::debug!(%error, "the session ended before the trial was rolled back; the server does it");
    }
    described
}

async fn run(session: &Session, statement: &str) -> Result<(), SourceError> {
    session.batch_execute(statement).await.map_err(|error| session.error(statement, &error))
}

/// The statements to be tried.
fn readable(script: &Script) -> Result<Vec<Statement<'_>>, DescribeError> {
    let found = statements(&script.text);
    let found = found.map_err(|Unclosed(at)| script.wrong(at, "what is quoted, or the comment, does not end"))?;
    let mut tried = Vec::new();
    for statement in found {
        let words: Vec<&str> = statement.words.iter().map(String::as_str).collect();
        if PASSED_OVER.contains(&words.as_slice()) {
            continue;
        }
        if !words.first().is_some_and(|first| DDL.contains(first)) {
            let reason = format!(
                "{:?} is no DDL, and nothing else is tried; leave out of the file what changes no table (there may be {}, \
                 BEGIN and COMMIT)",
                quoted(statement.text),
                DDL.join(", ").to_uppercase()
            );
            return Err(script.wrong(statement.at, reason));
        }
        tried.push(statement);
    }
    Ok(tried)
}

/// Runs a statement of the script, alone in its message: the server then takes no second one behind it.
async fn attempt(
    config: &PostgresConfig,
    session: &Session,
    script: &Script,
    statement: &Statement<'_>,
) -> Result<(), DescribeError> {
    // Before each, since a script may set them too.
    let limits = format!(
        "SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}; SET LOCAL standard_conforming_strings = on",
        LOCK_MAX.as_millis(),
        STATEMENT_MAX.as_millis()
    );
    run(session, &limits).await?;
    let Err(error) = session.execute(statement.text, &[]).await else { return Ok(()) };
    let Some(refused) = error.as_db_error() else { return Err(session.error(&quoted(statement.text), &error).into()) };
    let at = match refused.position() {
        Some(ErrorPosition::Original(character)) => statement.at + byte_of(statement.text, *character),
        _ => statement.at,
    };
    let mut said = refused.message().to_owned();
    for more in refused.detail().into_iter().chain(refused.hint()) {
        said.push_str("; ");
        said.push_str(more);
    }
    let what = quoted(statement.text);
    let user = &config.server.user;
    Err(match refused.code().code() {
        "25001" => script.wrong(
            at,
            format!(
                "{what:?} cannot be tried: {said}. An index that is built without CONCURRENTLY makes the same schemas; leave \
                 out what changes no table"
            ),
        ),
        "42501" => script.untried(
            at,
            format!(
                "{what:?}: {said}; let database.user be a role that may, or, as its owner: GRANT the table's owner TO {}",
                quoted_name(user)
            ),
        ),
        "55P03" => script.untried(
            at,
            format!("{what:?}: others held a lock for more than {} s ({said}); nothing was changed", LOCK_MAX.as_secs()),
        ),
        "57014" => script.untried(
            at,
            format!(
                "{what:?} took longer than {} s ({said}): it reads or rewrites the table, which is not waited for here; \
                 nothing was changed. Try it on a database with less data",
                STATEMENT_MAX.as_secs()
            ),
        ),
        code if code.starts_with("57P") || code.starts_with("08") => session.error(&what, &error).into(),
        _ => script.wrong(at, format!("{what:?}: {said}")),
    })
}

/// The byte of a text's character, which are counted from 1.
fn byte_of(text: &str, character: u32) -> usize {
    let index = usize::try_from(character).unwrap_or_default().saturating_sub(1);
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

/// The captured tables, as this session sees them.
async fn read(config: &PostgresConfig, session: &Session) -> Result<Description, SourceError> {
    // The rights to read rows are a snapshot's business.
    let captured = check::tables(config, session, &mut Vec::new()).await?;
    let published = Published::of_server(session).await?;
    let mut tables = Vec::with_capacity(captured.len());
    for table in &captured {
        let catalog = catalog::table(session, table.id).await?;
        let types = catalog.columns.iter().map(|column| column.type_id).collect();
        let types = catalog::types(session, types).await?;
        let columns = published.columns(config, session, table).await?;
        let layout =
            |relation: &Relation| schema::layout(config, relation, &catalog, &types).map(|layout| layout.table);
        let forms: Result<Vec<_>, _> = relations(config, table, &catalog, &columns).iter().map(layout).collect();
        tables.push(Described::new(format!("{}.{}", table.schema, table.name), forms.map(distinct))?);
    }
    let own = (!config.messages.is_open()).then(|| Messages::new(config).described());
    Ok(Description { tables, own: own.into_iter().collect() })
}

/// The table as the stream would have it, and as a snapshot would.
fn relations(config: &PostgresConfig, table: &Captured, catalog: &CatalogTable, published: &[String]) -> Vec<Relation> {
    let snapshot = snapshot::relation(table, catalog);
    let mut stream = Relation { origin: Origin::Log, ..snapshot.clone() };
    stream.columns.retain(|column| published.contains(&column.name));
    let chosen = &config.common.snapshot_tables;
    let in_snapshot =
        config.snapshot != SnapshotMode::NoData && (chosen.is_empty() || chosen.matches(&snapshot.full_name()));
    match config.snapshot {
        SnapshotMode::InitialOnly => vec![snapshot],
        _ if in_snapshot => vec![stream, snapshot],
        _ => vec![stream],
    }
}

/// One form where all have the same schemas.
fn distinct(forms: Vec<Arc<Table>>) -> Vec<Arc<Table>> {
    let key = |table: &Table| table.key.as_ref().map(|key| Arc::clone(&key.schema));
    let mut different: Vec<Arc<Table>> = Vec::new();
    for form in forms {
        if !different.iter().any(|known| known.envelope == form.envelope && key(known) == key(&form)) {
            different.push(form);
        }
    }
    different
}

/// Which columns the publication sends: lists of columns came with PostgreSQL 15, generated columns with 18.
struct Published {
    statement: &'static str,
}

impl Published {
    async fn of_server(session: &Session) -> Result<Self, SourceError> {
        let version = "SELECT current_setting('server_version_num')::int4";
        let rows = session.query(version, &[]).await.map_err(|error| session.error(version, &error))?;
        let statement = match rows.first().map_or(0, |row| row.get::<_, i32>(0)) {
            ..150_000 => {
                "SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 \
                 AND NOT a.attisdropped AND a.attgenerated = '' AND $2::text IS NOT NULL"
            }
            150_000..180_000 => {
                "SELECT a.attname::text FROM pg_catalog.pg_attribute a \
                 LEFT JOIN pg_catalog.pg_publication p ON p.pubname::text = $2 \
                 LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = a.attrelid \
                 WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' \
                 AND (r.prattrs IS NULL OR a.attnum = ANY(r.prattrs::int2[]))"
            }
            _ => {
                "SELECT a.attname::text FROM pg_catalog.pg_attribute a \
                 LEFT JOIN pg_catalog.pg_publication p ON p.pubname::text = $2 \
                 LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = a.attrelid \
                 WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped \
                 AND CASE WHEN r.prattrs IS NOT NULL THEN a.attnum = ANY(r.prattrs::int2[]) \
                 ELSE a.attgenerated = '' OR a.attgenerated = 's' AND p.pubgencols IS NOT DISTINCT FROM 's' END"
            }
        };
        Ok(Self { statement })
    }

    async fn columns(
        &self,
        config: &PostgresConfig,
        session: &Session,
        table: &Captured,
    ) -> Result<Vec<String>, SourceError> {
        let rows = session.query(self.statement, &[&table.id, &config.publication]).await;
        let rows = rows.map_err(|error| session.error("reading published columns", &error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn script(text: &str) -> Script {
        Script { file: "m.sql".into(), text: text.into(), stop: CancellationToken::new() }
    }

    #[test]
    fn a_transaction_of_its_own_is_passed_over_and_no_other_end_is_let_through() {
        let tried = |text: &str| {
            let script = script(text);
            let readable = readable(&script);
            readable
                .map(|tried| tried.iter().map(|statement| statement.text.to_owned()).collect::<Vec<_>>())
                .map_err(|error| error.to_string())
        };
        assert_eq!(tried("BEGIN; /* a */ CREATE TABLE t (); COMMIT WORK;"), Ok(vec!["CREATE TABLE t ()".to_owned()]));
        for ending in [
            "COMMIT AND CHAIN",
            "ROLLBACK",
            "ABORT",
            "END AND CHAIN",
            "PREPARE TRANSACTION 'x'",
            "COMMIT PREPARED 'x'",
            "SAVEPOINT a",
            "BEGIN ISOLATION LEVEL SERIALIZABLE",
            "\"alter\"",
            "INSERT INTO t VALUES (1)",
            "CALL p()",
            "\\connect x",
            "(SELECT 1)",
        ] {
            let told = tried(&format!("DROP TABLE t;\n{ending}")).unwrap_err();
            assert!(told.starts_with("m.sql:2: ") && told.contains("is no DDL"), "{ending}: {told}");
        }
        assert!(tried("DROP TABLE t;\n\n DROP TABLE 'x").unwrap_err().starts_with("m.sql:3: "));
    }

    #[test]
    fn characters_are_counted_from_one() {
        assert_eq!([1, 2, 3, 9].map(|character| byte_of("éab", character)), [0, 2, 3, 4]);
    }
}
