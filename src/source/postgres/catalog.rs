//! What the catalogue says of tables: columns, keys, types.
//!
//! It asks the server and interprets nothing. Mind that the answer is of now, and a row of the stream may be older.

use std::collections::BTreeMap;

use super::server::Session;
use crate::source::SourceError;

/// A column, as the catalogue has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct CatalogColumn {
    /// Its name.
    pub(super) name: String,
    /// The OID of its type.
    pub(super) type_id: u32,
    /// Its type's modifier, -1 for none.
    pub(super) modifier: i32,
    /// Whether it may be null.
    pub(super) optional: bool,
    /// The expression of its default.
    pub(super) default: Option<String>,
}

/// A table, as the catalogue has it now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct CatalogTable {
    /// Its columns, in order.
    pub(super) columns: Vec<CatalogColumn>,
    /// The columns of its primary key, or else of its first unique index, in the index's order.
    pub(super) key: Vec<String>,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct Type {
    /// Its name.
    pub(super) name: String,
    /// `pg_type.typtype`: `b`ase, `c`omposite, `d`omain, `e`num, …
    pub(super) kind: char,
    /// Of a domain: its base type, and that type's modifier.
    pub(super) base: Option<(u32, i32)>,
    /// Of an array: the type of its elements.
    pub(super) element: Option<u32>,
    /// Of an enum: its labels.
    pub(super) labels: Vec<String>,
}

/// Types by OID.
pub(super) type Types = BTreeMap<u32, Type>;

/// A default names no columns, so its text needs no table. With the table's OID the server would lock the table: behind a
/// statement that waits for the snapshot to end, for ever.
const COLUMNS: &str = "\
    SELECT a.attname::text, a.atttypid, a.atttypmod, NOT a.attnotnull, \
    CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, 0) END \
    FROM pg_catalog.pg_attribute a \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// The primary key, or else the first unique index by name: Debezium's `readPrimaryKeyOrUniqueIndexNames`.
const KEY: &str = "\
    SELECT a.attname::text FROM (\
        SELECT i.indkey, i.indnkeyatts, i.indrelid FROM pg_catalog.pg_index i \
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
        WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid \
        ORDER BY i.indisprimary DESC, i.indisclustered DESC, c.relname LIMIT 1) i \
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, place) \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
    WHERE k.place <= i.indnkeyatts ORDER BY k.place";

const TYPES: &str = "\
    SELECT t.oid, t.typname::text, t.typtype::text, t.typbasetype, t.typtypmod, t.typelem, t.typcategory::text, \
    ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) \
    FROM pg_catalog.pg_type t WHERE t.oid = ANY($1)";

/// What the catalogue says of a table; nothing if it is gone.
pub(super) async fn table(session: &Session, id: u32) -> Result<CatalogTable, SourceError> {
    let columns = session.query(COLUMNS, &[&id]).await.map_err(|error| session.error("reading columns", &error))?;
    let key = session.query(KEY, &[&id]).await.map_err(|error| session.error("reading keys", &error))?;
    let column = |row: &tokio_postgres::Row| CatalogColumn {
        name: row.get(0),
        type_id: row.get(1),
        modifier: row.get(2),
        optional: row.get(3),
        default: row.get(4),
    };
    Ok(CatalogTable { columns: columns.iter().map(column).collect(), key: key.iter().map(|row| row.get(0)).collect() })
}

/// The types of these OIDs, and those that they are made of.
pub(super) async fn types(session: &Session, mut wanted: Vec<u32>) -> Result<Types, SourceError> {
    let mut types = Types::new();
    while !wanted.is_empty() {
        let rows = session.query(TYPES, &[&wanted]).await.map_err(|error| session.error("reading types", &error))?;
        for row in rows {
            let (base, element): (u32, u32) = (row.get(3), row.get(5));
            let is_array = row.get::<_, String>(6) == "A";
            let found = Type {
                name: row.get(1),
                kind: row.get::<_, String>(2).chars().next().unwrap_or('b'),
                base: (base != 0).then(|| (base, row.get(4))),
                element: (is_array && element != 0).then_some(element),
                labels: row.get(7),
            };
            types.insert(row.get(0), found);
        }
        let parts = types.values().flat_map(|found| found.base.map(|(base, _)| base).into_iter().chain(found.element));
        wanted = parts.filter(|part| !types.contains_key(part)).collect();
    }
    Ok(types)
}
