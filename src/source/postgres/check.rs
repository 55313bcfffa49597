//! Whether the server is set up for capturing, before anything is read from it: every finding with the SQL that mends it,
//! all at once. And the publication, which is made here if the configuration says so.
//!
//! It reads the catalogue and writes nothing but the publication.

use super::config::{Autocreate, PostgresConfig};
use super::position::parse_lsn;
use super::server::{Session, literal, no_replication, quoted};
use crate::source::{Finding, SourceError};

/// The oldest server, as `server_version_num` writes it.
const VERSION_MIN: i32 = 140_000;

/// A table to capture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Captured {
    /// Its OID.
    pub(super) id: u32,
    /// Its schema.
    pub(super) schema: String,
    /// Its name.
    pub(super) name: String,
    /// How many rows the planner thinks it has; negative: unknown.
    pub(super) rows_estimate: f32,
}

impl Captured {
    /// As SQL writes it.
    pub(super) fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// The slot, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Who reads it now.
    pub(super) active_pid: Option<i32>,
    /// What was confirmed last.
    pub(super) confirmed: Option<u64>,
    /// Whether the log that it needs is still there.
    pub(super) lost: bool,
}

/// What preflight found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// `server_version_num`
    pub(super) version: i32,
    /// The tables to capture, in Debezium's order: by schema, by name.
    pub(super) tables: Vec<Captured>,
    /// The slot, if there is one.
    pub(super) slot: Option<Slot>,
    /// The end of the log.
    pub(super) end: u64,
    /// Whether that is the end for good: a standby may have more than it has replayed.
    pub(super) ends: bool,
}

/// Looks at everything that capturing needs.
///
/// # Errors
/// [`SourceError::Preflight`] with all findings.
pub(super) async fn preflight(config: &PostgresConfig, session: &Session) -> Result<Found, SourceError> {
    let mut findings = Vec::new();
    let (version, end, ends) = server(config, session, &mut findings).await?;
    let slot = slot(config, session, &mut findings).await?;
    if slot.is_none() {
        free_slots(session, &mut findings).await?;
    }
    let tables = tables(config, session, &mut findings).await?;
    publication(config, session, &tables, &mut findings).await?;
    if findings.is_empty() {
        Ok(Found { version, tables, slot, end, ends })
    } else {
        Err(SourceError::Preflight(findings))
    }
}

/// Whether the server can be reached as the configuration says, and is one that lets itself be captured. What is missing for
/// the first run alone is not looked at.
///
/// # Errors
/// Why not.
pub async fn reach(config: &PostgresConfig) -> Result<(), SourceError> {
    let session = Session::open(&config.server).await?;
    let mut findings = Vec::new();
    server(config, &session, &mut findings).await?;
    if findings.is_empty() { Ok(()) } else { Err(SourceError::Preflight(findings)) }
}

async fn query(session: &Session, what: &str, sql: &str) -> Result<Vec<tokio_postgres::Row>, SourceError> {
    session.query(sql, &[]).await.map_err(|error| session.error(what, &error))
}

fn found(what: String, remedy: impl Into<String>) -> Finding {
    Finding { what, remedy: remedy.into() }
}

async fn server(
    config: &PostgresConfig,
    session: &Session,
    findings: &mut Vec<Finding>,
) -> Result<(i32, u64, bool), SourceError> {
    // On Amazon RDS the right to replicate is membership of rds_replication.
    let sql = "SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
        current_setting('wal_level'), \
        (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text, \
        r.rolreplication OR r.rolsuper OR EXISTS(SELECT FROM pg_roles g \
            WHERE g.rolname = 'rds_replication' AND pg_has_role(r.oid, g.oid, 'member')), \
        NOT pg_is_in_recovery() \
        FROM pg_roles r WHERE r.rolname = current_user";
    let rows = query(session, "reading the server's settings", sql).await?;
    let Some(row) = rows.first() else { return Ok((0, 0, false)) };
    let (version, name, wal_level): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
    if version < VERSION_MIN {
        findings.push(found(format!("the server is PostgreSQL {name}"), "PostgreSQL 14 or newer is needed"));
    }
    if wal_level != "logical" {
        let remedy = "ALTER SYSTEM SET wal_level = logical; and restart the server";
        findings.push(found(format!("wal_level is {wal_level}, and must be logical"), remedy));
    }
    if !row.get::<_, bool>(4) {
        findings.push(no_replication(&config.server.user));
    }
    Ok((version, row.get::<_, Option<String>>(3).as_deref().and_then(parse_lsn).unwrap_or_default(), row.get(5)))
}

/// The slot of that name, as it is now.
pub(super) async fn read_slot(config: &PostgresConfig, session: &Session) -> Result<Option<Slot>, SourceError> {
    slot(config, session, &mut Vec::new()).await
}

async fn slot(
    config: &PostgresConfig,
    session: &Session,
    findings: &mut Vec<Finding>,
) -> Result<Option<Slot>, SourceError> {
    let sql = format!(
        "SELECT slot_type, plugin, database::text, active_pid, confirmed_flush_lsn::text, \
         wal_status IS NOT DISTINCT FROM 'lost', current_database()::text \
         FROM pg_replication_slots WHERE slot_name = {}",
        literal(&config.slot.name)
    );
    let rows = query(session, "reading the replication slot", &sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (kind, plugin, database): (String, Option<String>, Option<String>) = (row.get(0), row.get(1), row.get(2));
    let name = &config.slot.name;
    let remedy = format!("set another slot.name, or SELECT pg_drop_replication_slot({})", literal(name));
    if kind != "logical" || plugin.as_deref() != Some("pgoutput") {
        let plugin = plugin.unwrap_or(kind);
        findings.push(found(format!("replication slot {name:?} is of {plugin}, and must be of pgoutput"), remedy));
    } else if database.as_deref() != Some(row.get::<_, &str>(6)) {
        let database = database.unwrap_or_default();
        findings.push(found(format!("replication slot {name:?} is of database {database:?}"), remedy));
    }
    let confirmed: Option<String> = row.get(4);
    Ok(Some(Slot { active_pid: row.get(3), confirmed: confirmed.as_deref().and_then(parse_lsn), lost: row.get(5) }))
}

async fn free_slots(session: &Session, findings: &mut Vec<Finding>) -> Result<(), SourceError> {
    let sql = "SELECT current_setting('max_replication_slots')::int8, (SELECT count(*) FROM pg_replication_slots), \
        current_setting('max_wal_senders')::int8, (SELECT count(*) FROM pg_stat_replication)";
    let rows = query(session, "counting replication slots", sql).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    for (setting, most, used) in [("max_replication_slots", 0, 1), ("max_wal_senders", 2, 3)] {
        let (most, used): (i64, i64) = (row.get(most), row.get(used));
        if used >= most {
            let remedy =
                format!("ALTER SYSTEM SET {setting} = {}; and restart the server, or drop what is not used", used + 4);
            findings.push(found(format!("all {most} of {setting} are taken"), remedy));
        }
    }
    Ok(())
}

/// The captured tables. With `publish.via.partition.root` a partitioned table stands for its partitions, without it the
/// partitions stand for themselves, as in the stream.
/// The tables to capture.
pub(super) async fn tables(
    config: &PostgresConfig,
    session: &Session,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Captured>, SourceError> {
    let which = if config.via_root { "NOT c.relispartition" } else { "c.relkind = 'r'" };
    let sql = format!(
        "SELECT c.oid, n.nspname::text, c.relname::text, c.reltuples, c.relreplident::text, \
         has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND {which} ORDER BY n.nspname::text COLLATE \"C\", \
         c.relname::text COLLATE \"C\""
    );
    let mut tables = Vec::new();
    for row in query(session, "listing tables", &sql).await? {
        let (schema, name): (String, String) = (row.get(1), row.get(2));
        if !config.captures(&schema, &name) {
            continue;
        }
        let table = Captured { id: row.get(0), schema, name, rows_estimate: row.get(3) };
        let (shown, user) = (table.sql(), quoted(&config.server.user));
        if !row.get::<_, bool>(5) {
            let remedy =
                format!("GRANT USAGE ON SCHEMA {} TO {user}; GRANT SELECT ON {shown} TO {user}", quoted(&table.schema));
            findings.push(found(format!("{user} may not read table {shown}"), remedy));
        }
        if row.get::<_, &str>(4) == "n" {
            tracing::warn!(
                table = shown,
                "replica identity is NOTHING: the server refuses updates and deletes of this table"
            );
        }
        tables.push(table);
    }
    if tables.is_empty() {
        tracing::warn!("no table is captured; check schema.include.list and table.include.list");
    }
    Ok(tables)
}

async fn publication(
    config: &PostgresConfig,
    session: &Session,
    tables: &[Captured],
    findings: &mut Vec<Finding>,
) -> Result<(), SourceError> {
    let name = literal(&config.publication);
    let sql = format!("SELECT puballtables FROM pg_publication WHERE pubname = {name}");
    let rows = query(session, "reading the publication", &sql).await?;
    let all = rows.first().map(|row| row.get::<_, bool>(0));
    let make = match (all, config.autocreate) {
        (None, Autocreate::Disabled) => {
            let what = format!("publication {:?} does not exist", config.publication);
            findings.push(found(what, create(config, "FOR ALL TABLES")));
            return Ok(());
        }
        (None, Autocreate::AllTables) => create(config, "FOR ALL TABLES"),
        (None, Autocreate::NoTables) => create(config, ""),
        (None, Autocreate::Filtered) => create(config, &for_tables(tables)),
        (Some(false), Autocreate::Filtered) => {
            if missing(session, &name, tables).await?.is_empty() {
                return Ok(());
            }
            format!(
                "ALTER PUBLICATION {} SET {}",
                quoted(&config.publication),
                for_tables(tables).trim_start_matches("FOR ")
            )
        }
        (Some(true), _) => return Ok(()),
        (Some(false), _) => return covers(config, session, tables, findings).await,
    };
    // What is wrong already may be why the publication cannot be made.
    if findings.is_empty()
        && let Err(error) = session.batch_execute(&make).await
    {
        let code = error.code().map(|code| code.code().to_owned()).unwrap_or_default();
        match code.as_str() {
            "42501" => findings.push(found(
                format!("{:?} may not make publication {:?}", config.server.user, config.publication),
                format!("as owner of the tables or superuser: {make}; or set publication.autocreate.mode=filtered"),
            )),
            // Somebody made it at the same moment.
            "42710" => {}
            _ => return Err(session.error(&make, &error)),
        }
    } else if findings.is_empty() {
        tracing::info!(publication = config.publication, "publication made or changed");
    }
    Ok(())
}

fn for_tables(tables: &[Captured]) -> String {
    let names: Vec<String> = tables.iter().map(Captured::sql).collect();
    if names.is_empty() { String::new() } else { format!("FOR TABLE {}", names.join(", ")) }
}

fn create(config: &PostgresConfig, what: &str) -> String {
    let root = if config.via_root { " WITH (publish_via_partition_root = true)" } else { "" };
    format!("CREATE PUBLICATION {} {what}{root}", quoted(&config.publication)).replace("  ", " ").trim_end().to_owned()
}

/// The captured tables that a publication (a literal) lacks.
async fn missing<'a>(
    session: &Session,
    publication: &str,
    tables: &'a [Captured],
) -> Result<Vec<&'a Captured>, SourceError> {
    let sql =
        format!("SELECT schemaname::text, tablename::text FROM pg_publication_tables WHERE pubname = {publication}");
    let rows = query(session, "reading the publication's tables", &sql).await?;
    let published: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let is_missing = |table: &&Captured| !published.iter().any(|(s, n)| *s == table.schema && *n == table.name);
    Ok(tables.iter().filter(is_missing).collect())
}

/// Whether a publication of some tables has the captured ones. If no table was asked for by name, the publication may be
/// the narrower filter: then it is only told of.
async fn covers(
    config: &PostgresConfig,
    session: &Session,
    tables: &[Captured],
    findings: &mut Vec<Finding>,
) -> Result<(), SourceError> {
    let missing = missing(session, &literal(&config.publication), tables).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.iter().map(|table| table.sql()).collect();
    let what = format!("publication {:?} lacks captured tables: {}", config.publication, names.join(", "));
    let remedy = format!("ALTER PUBLICATION {} ADD TABLE {}", quoted(&config.publication), names.join(", "));
    if config.common.tables.is_open() || config.autocreate == Autocreate::NoTables {
        tracing::warn!(remedy, "{what}: their changes will not be seen");
    } else {
        findings.push(found(what, remedy));
    }
    Ok(())
}
