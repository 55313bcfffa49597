//! The captured tables as the stream would tell of them, now or after DDL that nobody has run yet.
//!
//! Owns which tables are read where: those that a script names come from the scratch databases in which it was tried
//! ([`super::scratch`]), the others from the database itself, of which only definitions are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalog::Name;
use super::config::MySqlConfig;
use super::definition::Definition;
use super::schema::Common;
use super::schema_change::SchemaChanges;
use super::scratch::{self, Tried};
use super::server::Server;
use crate::source::SourceError;
use crate::source::describe::{DescribeError, Described, Description, Script};

/// Describes the captured tables; where there is a script, as they would be after it.
///
/// # Errors
/// When the server cannot be asked, or the script cannot be tried.
pub async fn describe(config: &Arc<MySqlConfig>, script: Option<&Script>) -> Result<Description, DescribeError> {
    let server = Server { config: Arc::clone(config) };
    let mut conn = server.connect().await?;
    let captured = server.tables(&mut conn).await?;
    let mut tables: Vec<(Name, Definition)> = Vec::new();
    let mut named = BTreeSet::new();
    if let Some(script) = script {
        let Tried { replaced, found } = scratch::attempt(&server, &mut conn, script, &captured).await?;
        named = replaced;
        tables.extend(found.into_iter().filter(|((database, table), _)| config.captures(database, table)));
    }
    for name in captured.into_iter().filter(|name| !named.contains(name)) {
        if let Some(definition) = server.definition(&mut conn, &name).await? {
            tables.push((name, definition));
        }
    }
    let _ = conn.disconnect().await;
    tables.sort_by(|(one, _), (other, _)| one.cmp(other));
    let common = Common::new(Arc::clone(config));
    let described = |((database, table), definition): &(Name, Definition)| {
        let shape = common.selected((database, table), definition);
        Described::new(format!("{database}.{table}"), shape.map(|shape| vec![shape.table]))
    };
    let tables: Result<Vec<Described>, SourceError> = tables.iter().map(described).collect();
    let own = common.changes.as_ref().map(SchemaChanges::described).into_iter().collect();
    Ok(Description { tables: tables?, own })
}
