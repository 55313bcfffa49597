//! The messages of PostgreSQL's `pgoutput` plug-in, protocol version 1, cut out of the frame without copying.
//!
//! It knows the bytes of the protocol and nothing of tables: which value a cell holds is `decode`'s business. Input never
//! panics; a message that does not follow the protocol is [`Malformed`].
//!
//! Theory: <https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>.
#![deny(clippy::indexing_slicing)]

use super::cursor::{Cursor, Malformed};

/// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's clock starts.
pub(super) const EPOCH_OFFSET_US: i64 = 946_684_800_000_000;

/// One message of the stream.
#[derive(Clone, Debug)]
pub(super) enum Message<'a> {
    /// A transaction begins: all of its changes follow, then its commit.
    Begin {
        /// When it was committed: microseconds since the Unix epoch.
        commit_us: i64,
        /// Its id.
        xid: u32,
    },
    /// The transaction that is open ends.
    Commit,
    /// The transaction was made by another server.
    Origin {
        /// Where it was committed there.
        lsn: u64,
        /// That server's replication origin.
        name: &'a str,
    },
    /// What a table looks like; sent before its first row, and again when it has changed.
    Relation(Relation<'a>),
    /// A type that is not built in.
    Type,
    /// A row was inserted.
    Insert {
        /// The table's OID.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row was updated.
    Update {
        /// The table's OID.
        relation: u32,
        /// The row before, as far as the replica identity says.
        old: Option<Old<'a>>,
        /// The row after.
        new: Tuple<'a>,
    },
    /// A row was deleted.
    Delete {
        /// The table's OID.
        relation: u32,
        /// The row before, as far as the replica identity says.
        old: Old<'a>,
    },
    /// Tables were truncated.
    Truncate {
        /// Their OIDs.
        relations: Vec<u32>,
    },
    /// `pg_logical_emit_message`.
    Logical {
        /// Whether it belongs to the transaction that is open.
        transactional: bool,
        /// Its prefix.
        prefix: &'a str,
        /// Its content, any bytes.
        content: &'a [u8],
    },
}

/// What a table looks like.
#[derive(Clone, Debug)]
pub(super) struct Relation<'a> {
    /// The table's OID.
    pub(super) id: u32,
    /// Its schema.
    pub(super) schema: &'a str,
    /// Its name.
    pub(super) table: &'a str,
    /// Its replica identity: `d`, `f`, `i` or `n`.
    pub(super) identity: u8,
    /// Its columns, in the order of the cells.
    pub(super) columns: Vec<RelationColumn<'a>>,
}

/// A column of a relation.
#[derive(Clone, Debug)]
pub(super) struct RelationColumn<'a> {
    /// Whether it belongs to the replica identity.
    pub(super) identity: bool,
    /// Its name.
    pub(super) name: &'a str,
    /// The OID of its type.
    pub(super) type_id: u32,
    /// Its type's modifier, -1 for none.
    pub(super) modifier: i32,
}

/// The row before a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Old<'a> {
    /// Whether it holds all columns (`REPLICA IDENTITY FULL`), or only those of the identity and nulls.
    pub(super) full: bool,
    /// Its cells.
    pub(super) tuple: Tuple<'a>,
}

/// The cells of a row, still in the frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuple<'a> {
    count: u16,
    data: Cursor<'a>,
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    /// SQL's null.
    Null,
    /// A TOASTed value that the update did not touch: it is not in the log.
    Unchanged,
    /// The value as text.
    Text(&'a [u8]),
}

impl<'a> Tuple<'a> {
    /// How many cells there are.
    pub(super) const fn len(&self) -> usize {
        self.count as usize
    }

    /// The cells, in the order of the relation's columns.
    pub(super) fn cells(self) -> Cells<'a> {
        Cells { left: self.count, data: self.data }
    }

    /// Cuts a tuple off the front, checking its length.
    fn cut(data: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let count = data.u16()?;
        let tuple = Self { count, data: *data };
        let mut cells = tuple.cells();
        cells.by_ref().try_for_each(|cell| cell.map(drop))?;
        *data = cells.data;
        Ok(tuple)
    }
}

/// Walks a tuple.
#[derive(Clone, Debug)]
pub(super) struct Cells<'a> {
    left: u16,
    data: Cursor<'a>,
}

impl<'a> Cells<'a> {
    fn cell(&mut self) -> Result<Cell<'a>, Malformed> {
        match self.data.u8()? {
            b'n' => Ok(Cell::Null),
            b'u' => Ok(Cell::Unchanged),
            b't' => {
                let length =
                    usize::try_from(self.data.i32()?).map_err(|_| Malformed("a cell has a negative length"))?;
                self.data.bytes(length).map(Cell::Text)
            }
            _ => Err(Malformed("a cell is neither null, unchanged nor text")),
        }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Result<Cell<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let cell = self.cell();
        if cell.is_err() {
            self.left = 0;
        }
        Some(cell)
    }
}

/// Reads one message.
///
/// # Errors
/// When the bytes do not follow the protocol.
pub(super) fn parse(message: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut data = Cursor(message);
    let message = match data.u8()? {
        b'B' => {
            let _commit_lsn = data.u64()?;
            let commit_us = data.i64()?.saturating_add(EPOCH_OFFSET_US);
            Message::Begin { commit_us, xid: data.u32()? }
        }
        b'C' => {
            // Flags, the commit's LSN, its end and its time: the frame and the begin have told them.
            data.bytes(25)?;
            Message::Commit
        }
        b'O' => Message::Origin { lsn: data.u64()?, name: data.text()? },
        b'R' => Message::Relation(relation(&mut data)?),
        b'Y' => {
            data.0 = &[];
            Message::Type
        }
        b'I' => {
            let relation = data.u32()?;
            expect(data.u8()?, b'N')?;
            Message::Insert { relation, new: Tuple::cut(&mut data)? }
        }
        b'U' => update(&mut data)?,
        b'D' => {
            let relation = data.u32()?;
            let kind = data.u8()?;
            Message::Delete { relation, old: old(kind, &mut data)? }
        }
        b'T' => {
            let count = data.u32()?;
            let _options = data.u8()?;
            let relations = (0..count).map(|_| data.u32()).collect::<Result<_, _>>()?;
            Message::Truncate { relations }
        }
        b'M' => logical(&mut data)?,
        _ => return Err(Malformed("its kind is unknown")),
    };
    if data.0.is_empty() { Ok(message) } else { Err(Malformed("it goes on after its end")) }
}

fn expect(found: u8, wanted: u8) -> Result<(), Malformed> {
    if found == wanted { Ok(()) } else { Err(Malformed("a row is missing")) }
}

fn relation<'a>(data: &mut Cursor<'a>) -> Result<Relation<'a>, Malformed> {
    let id = data.u32()?;
    let schema = data.text()?;
    // The protocol writes pg_catalog as an empty name.
    let schema = if schema.is_empty() { "pg_catalog" } else { schema };
    let table = data.text()?;
    let identity = data.u8()?;
    let count = data.u16()?;
    let column = |_| {
        let identity = data.u8()? & 1 == 1;
        let name = data.text()?;
        Ok(RelationColumn { identity, name, type_id: data.u32()?, modifier: data.i32()? })
    };
    let columns = (0..count).map(column).collect::<Result<_, _>>()?;
    Ok(Relation { id, schema, table, identity, columns })
}

fn old<'a>(kind: u8, data: &mut Cursor<'a>) -> Result<Old<'a>, Malformed> {
    let full = match kind {
        b'K' => false,
        b'O' => true,
        _ => return Err(Malformed("the old row is neither a key nor whole")),
    };
    Ok(Old { full, tuple: Tuple::cut(data)? })
}

fn update<'a>(data: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let relation = data.u32()?;
    let mut kind = data.u8()?;
    let mut before = None;
    if kind != b'N' {
        before = Some(old(kind, data)?);
        kind = data.u8()?;
    }
    expect(kind, b'N')?;
    Ok(Message::Update { relation, old: before, new: Tuple::cut(data)? })
}

fn logical<'a>(data: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let transactional = data.u8()? & 1 == 1;
    let _lsn = data.u64()?;
    let prefix = data.text()?;
    let length = usize::try_from(data.i32()?).map_err(|_| Malformed("a content has a negative length"))?;
    Ok(Message::Logical { transactional, prefix, content: data.bytes(length)? })
}

#[cfg(test)]
#[path = "pgoutput_tests.rs"]
mod tests;
