//! Schema changes of a snapshot: how the tables would be made, though nobody makes them now.
//!
//! Owns which statements Debezium tells at the beginning, and their order (`BinlogSnapshotChangeEventSource`); the records
//! are [`super::schema_change`]'s.

use mysql_async::Conn;

use super::catalog::{Catalog, Name};
use super::schema::Common;
use super::schema_change::Told;
use super::server::{Locale, Made, Server, quote, quoted};
use super::snapshot::{Ended, Writer};
use super::table_change::Happened;
use crate::source::SourceError;

/// The tables whose structure is told, or needed: those that are captured, and others where Debezium would keep their history.
pub(super) fn told(common: &Common, captured: &[Name], visible: Vec<Name>) -> Vec<Name> {
    let Some(changes) = &common.changes else { return captured.to_vec() };
    visible.into_iter().filter(|name| changes.tells(name) || common.config.captures(&name.0, &name.1)).collect()
}

/// Tells how the server's character set, the databases and the tables would be made.
pub(super) async fn tell(
    server: &Server,
    conn: &mut Conn,
    catalog: &Catalog,
    made: Vec<Made>,
    writer: &mut Writer<'_>,
) -> Result<(), Ended> {
    if server.config.schema_changes {
        for told in statements(server, conn, made).await? {
            writer.tell(&told, catalog).await?;
        }
    }
    Ok(())
}

async fn statements(server: &Server, conn: &mut Conn, made: Vec<Made>) -> Result<Vec<Told>, SourceError> {
    let mut all = Vec::with_capacity(2 * made.len() + 4);
    let rows = server.rows(conn, "SELECT @@character_set_server, @@collation_server").await?;
    let of_server = rows.into_iter().next().and_then(|row| mysql_async::from_row_opt::<(String, String)>(row).ok());
    if let Some((charset, collation)) = of_server {
        let set = format!("SET character_set_server={charset}, collation_server={collation}");
        all.push(Told::database("", set));
    }
    for (name, _) in &made {
        let drop = format!("DROP TABLE IF EXISTS {}", quoted(name));
        all.push(Told::table(Happened::Dropped, name.clone(), drop));
    }
    let locales = server.locales(conn).await?;
    let mut last = None;
    for (name, statement) in made {
        if last.as_ref() != Some(&name.0) {
            let quoted = quote(&name.0);
            let locale = locales.iter().find(|locale| locale.database == name.0);
            let locale =
                locale.map(|Locale { charset, collation, .. }| format!(" CHARSET {charset} COLLATE {collation}"));
            let create = format!("CREATE DATABASE {quoted}{}", locale.unwrap_or_default());
            let first = [format!("DROP DATABASE IF EXISTS {quoted}"), create, format!("USE {quoted}")];
            all.extend(first.map(|statement| Told::database(name.0.as_str(), statement)));
            last = Some(name.0.clone());
        }
        all.push(Told::table(Happened::Created, name, statement));
    }
    Ok(all)
}
