//! Row events: which columns they hold, and their rows one after the other.
//!
//! Owns the event's format; the values are [`super::schema::Shape`]'s. Format:
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/classbinary__log_1_1Rows__event.html>.

use std::sync::Arc;

use bytes::Bytes;

use super::bytes::{Cursor, Short};
use super::decode::BadCell;
use super::raw;
use super::schema::{BadRow, Shape};
use crate::data::Row;
use crate::event::Op;

/// The table's number, which every row event begins with.
pub(super) fn table_id(data: &Bytes) -> Result<u64, Short> {
    Cursor::new(data.clone()).uint_le(6, "table id")
}

/// A row before and after; which of the two there are depends on the event.
pub(super) type Images = (Option<Row>, Option<Row>);

/// The rows of an event.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) shape: Arc<Shape>,
    pub(super) op: Op,
    cursor: Cursor,
    before: Option<Bytes>,
    after: Option<Bytes>,
    /// Whether JSON may be told by its changes.
    partial: bool,
}

impl Rows {
    /// Opens an event of this type for a table of this shape.
    pub(super) fn open(kind: u8, data: &Bytes, shape: &Arc<Shape>) -> Result<Self, BadRow> {
        let open = || -> Result<Self, Short> {
            let mut cursor = Cursor::new(data.clone());
            cursor.skip(8, "table id and flags")?;
            if !matches!(kind, raw::WRITE_ROWS_V1 | raw::UPDATE_ROWS_V1 | raw::DELETE_ROWS_V1) {
                let extra = cursor.u16("extra data")?;
                cursor.skip(usize::from(extra).saturating_sub(2), "extra data")?;
            }
            let columns = usize::try_from(cursor.lenenc("column count")?).unwrap_or(usize::MAX);
            if columns != shape.columns.len() {
                return Err(Short { what: "its columns: it has others than its TABLE_MAP" });
            }
            let first = cursor.take(columns.div_ceil(8), "present columns")?;
            let (op, before, after) = match kind {
                raw::WRITE_ROWS | raw::WRITE_ROWS_V1 => (Op::Create, None, Some(first)),
                raw::DELETE_ROWS | raw::DELETE_ROWS_V1 => (Op::Delete, Some(first), None),
                raw::UPDATE_ROWS | raw::UPDATE_ROWS_V1 | raw::PARTIAL_UPDATE_ROWS => {
                    (Op::Update, Some(first), Some(cursor.take(columns.div_ceil(8), "present columns")?))
                }
                _ => return Err(Short { what: "an event that is no row event" }),
            };
            let partial = kind == raw::PARTIAL_UPDATE_ROWS;
            Ok(Self { shape: Arc::clone(shape), op, cursor, before, after, partial })
        };
        open().map_err(|short| BadRow { column: "?".to_owned(), reason: BadCell::from(short).into() })
    }

    /// The next row's images before and after; `None`: there is no more.
    pub(super) fn next(&mut self) -> Result<Option<Images>, BadRow> {
        if self.cursor.is_empty() {
            return Ok(None);
        }
        let left = self.cursor.remaining();
        let documents = match &self.before {
            Some(present) if self.partial => self.shape.documents(self.cursor.clone(), present)?,
            _ => Vec::new(),
        };
        let before = self.before.as_ref().map(|present| self.shape.row(&mut self.cursor, present)).transpose()?;
        let after = self.after.as_ref().map(|present| {
            if self.partial {
                self.shape.partial_row(&mut self.cursor, present, &documents)
            } else {
                self.shape.row(&mut self.cursor, present)
            }
        });
        let after = after.transpose()?;
        if self.cursor.remaining() == left {
            return Err(BadRow {
                column: "?".to_owned(),
                reason: BadCell::from(Short { what: "a row without columns" }).into(),
            });
        }
        Ok(Some((before, after)))
    }
}
