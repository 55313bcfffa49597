//! Row images that tell JSON by its changes (`binlog_row_value_options=PARTIAL_JSON`), made whole with the image before.
//!
//! Owns what such an image has beside a full one: options, and a bit for each JSON column of the table that says whether its
//! value is a list of changes ([`super::patch`]). Format: `PARTIAL_UPDATE_ROWS_EVENT`, `unpack_row` of the server
//! (<https://dev.mysql.com/doc/dev/mysql-server/latest/classbinary__log_1_1Rows__event.html>).

use bytes::Bytes;

use super::bytes::{Cursor, Short, bit};
use super::decode::{BadCell, Cell};
use super::form::BadValue;
use super::schema::{BadRow, RowProblem, Shape};
use super::tablemap::Wire;
use super::{jsonb, patch};
use crate::data::Row;

/// The option that announces the bits.
const PARTIAL_JSON: u64 = 1;

impl Shape {
    /// The binary JSON of an image, by JSON column; `None`: null, or not there.
    pub(super) fn documents(&self, mut cursor: Cursor, present: &[u8]) -> Result<Vec<Option<Bytes>>, BadRow> {
        let mut documents = Vec::new();
        let held = (0..self.columns.len()).filter(|index| bit(present, *index)).count();
        let nulls = cursor.take(held.div_ceil(8), "the nulls of a row").map_err(|short| self.bad(0, short))?;
        let mut at = 0;
        for (index, column) in self.columns.iter().enumerate() {
            let holds = bit(present, index);
            let null = holds && bit(&nulls, at);
            at += usize::from(holds);
            let is_json = matches!(column.wire, Wire::Json(_));
            if !holds || null {
                documents.extend(is_json.then_some(None));
            } else if is_json {
                match column.wire.read(&mut cursor) {
                    Ok(Cell::Json(document)) => documents.push(Some(document)),
                    Ok(_) => documents.push(None),
                    Err(error) => return Err(self.bad(index, error)),
                }
            } else {
                column.wire.skip(&mut cursor).map_err(|error| self.bad(index, error))?;
            }
        }
        Ok(documents)
    }

    /// Decodes an image that may tell changes of these documents.
    pub(super) fn partial_row(
        &self,
        cursor: &mut Cursor,
        present: &[u8],
        documents: &[Option<Bytes>],
    ) -> Result<Row, BadRow> {
        let bits = partial_bits(cursor, documents.len()).map_err(|short| self.bad(0, short))?;
        // A list of changes has the length that a whole document has, so a column that is left out is passed as ever.
        self.row_by(cursor, present, |index, wire, cursor| {
            let Wire::Json(_) = wire else { return Ok(wire.read(cursor)?) };
            let json = self.columns.iter().take(index).filter(|column| matches!(column.wire, Wire::Json(_))).count();
            let cell = wire.read(cursor)?;
            let (true, Cell::Json(changes)) = (bit(&bits, json), &cell) else { return Ok(cell) };
            let document = documents.get(json).and_then(Option::as_ref).ok_or(RowProblem::Absent)?;
            let text = patch::text(document, changes.clone()).map_err(|error: jsonb::BadJson| BadValue::from(error))?;
            Ok(Cell::Bytes(text.into()))
        })
    }

    fn bad(&self, index: usize, error: impl Into<BadCell>) -> BadRow {
        let column = self.columns.get(index).map(|column| column.name.clone()).unwrap_or_default();
        BadRow { column, reason: error.into().into() }
    }
}

/// The bits of an image; empty: all of its values are whole.
fn partial_bits(cursor: &mut Cursor, count: usize) -> Result<Bytes, Short> {
    let options = cursor.lenenc("value options")?;
    if options & PARTIAL_JSON == 0 { Ok(Bytes::new()) } else { cursor.take(count.div_ceil(8), "partial values") }
}
