//! TABLE_MAP events: the types of a table's columns, and with `binlog_row_metadata=FULL` their names and more.
//!
//! Owns the event's format; knows no definitions and no values. Format:
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/classbinary__log_1_1Table__map__event.html>.

use bytes::Bytes;

use super::bytes::{Cursor, Short, bit, high_bit};

/// A column's type in the log, with its metadata: all that finding a value's end takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// An integer of so many bytes.
    Int(u8),
    /// `FLOAT`
    Float,
    /// `DOUBLE`
    Double,
    /// `DECIMAL`: digits in all, and behind the point.
    Decimal(u8, u8),
    /// `YEAR`
    Year,
    /// `DATE`
    Date,
    /// `TIME`, with so many digits of a fraction.
    Time(u8),
    /// `DATETIME`, with so many digits of a fraction.
    DateTime(u8),
    /// `TIMESTAMP`, with so many digits of a fraction.
    Timestamp(u8),
    /// `BIT` of so many bits.
    Bit(u16),
    /// `CHAR` and `BINARY`: at most so many bytes.
    Char(u16),
    /// `VARCHAR` and `VARBINARY`: at most so many bytes.
    Varchar(u16),
    /// `TEXT` and `BLOB` of every size: so many bytes of length.
    Blob(u8),
    /// `JSON`: so many bytes of length.
    Json(u8),
    /// `GEOMETRY`: so many bytes of length.
    Geometry(u8),
    /// `VECTOR`: so many bytes of length.
    Vector(u8),
    /// `ENUM`: so many bytes of index.
    Enum(u8),
    /// `SET`: so many bytes of bits.
    Set(u8),
    /// A type of before MySQL 5.6, or one that is not known: its number.
    Unknown(u8),
}

/// A column as the TABLE_MAP tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MappedColumn {
    /// Its type.
    pub(super) wire: Wire,
    /// Whether null is allowed.
    pub(super) nullable: bool,
    /// Whether it is unsigned; of a number, and if the server says so.
    pub(super) unsigned: Option<bool>,
    /// Its collation, if the server says so.
    pub(super) collation: Option<u64>,
    /// Its name, with full metadata.
    pub(super) name: Option<String>,
    /// Whether a geometry is a point, with full metadata.
    pub(super) point: Option<bool>,
    /// Its labels (`ENUM`, `SET`) in its character set, with full metadata.
    pub(super) labels: Vec<Bytes>,
}

/// A table as the TABLE_MAP tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableMap {
    /// By which the row events name it.
    pub(super) table_id: u64,
    /// Its database.
    pub(super) database: String,
    /// Its name.
    pub(super) table: String,
    /// Its columns, in order.
    pub(super) columns: Vec<MappedColumn>,
    /// The columns of its primary key, with full metadata; empty: it has none, or the server doesn't tell.
    pub(super) primary_key: Vec<usize>,
    /// Whether the server told names: `binlog_row_metadata=FULL`.
    pub(super) full: bool,
}

/// Only the id and the name: what must be known before the rest is worth reading.
pub(super) fn head(event: &Bytes) -> Result<(u64, String, String), Short> {
    let mut cursor = Cursor::new(event.clone());
    let table_id = cursor.uint_le(6, "table id")?;
    cursor.skip(2, "flags")?;
    Ok((table_id, name(&mut cursor)?, name(&mut cursor)?))
}

fn name(cursor: &mut Cursor) -> Result<String, Short> {
    let length = cursor.u8("name")?;
    let name = cursor.take(length.into(), "name")?;
    cursor.skip(1, "name")?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

impl TableMap {
    /// Reads the event's data, without header and checksum.
    pub(super) fn parse(event: &Bytes) -> Result<Self, Short> {
        let mut cursor = Cursor::new(event.clone());
        let table_id = cursor.uint_le(6, "table id")?;
        cursor.skip(2, "flags")?;
        let (database, table) = (name(&mut cursor)?, name(&mut cursor)?);
        let count = usize::try_from(cursor.lenenc("column count")?).unwrap_or(usize::MAX);
        let types = cursor.take(count, "column types")?;
        let mut metadata = Cursor::new(cursor.lenenc_bytes("column metadata")?);
        let nulls = cursor.take(count.div_ceil(8), "nullability")?;
        let mut columns = Vec::with_capacity(count);
        for (index, kind) in types.iter().enumerate() {
            columns.push(MappedColumn {
                wire: wire(*kind, &mut metadata)?,
                nullable: bit(&nulls, index),
                unsigned: None,
                collation: None,
                name: None,
                point: None,
                labels: Vec::new(),
            });
        }
        let mut map = Self { table_id, database, table, columns, primary_key: Vec::new(), full: false };
        while !cursor.is_empty() {
            let field = cursor.u8("optional metadata")?;
            let data = cursor.lenenc_bytes("optional metadata")?;
            map.optional(field, Cursor::new(data))?;
        }
        Ok(map)
    }

    /// One field of the optional metadata (`Table_map_event::Optional_metadata_field_type`).
    fn optional(&mut self, field: u8, mut data: Cursor) -> Result<(), Short> {
        let columns = &mut self.columns;
        match field {
            1 => {
                let bits = data.take(data.remaining(), "signedness")?;
                let numbers = columns.iter_mut().filter(|column| column.wire.is_number());
                numbers.enumerate().for_each(|(index, column)| column.unsigned = Some(high_bit(&bits, index)));
            }
            2 => default_collations(columns.iter_mut().filter(|column| column.wire.is_text()).collect(), &mut data)?,
            3 => collations(columns.iter_mut().filter(|column| column.wire.is_text()), &mut data)?,
            4 => {
                for column in columns {
                    let name = data.lenenc_bytes("column name")?;
                    column.name = Some(String::from_utf8_lossy(&name).into_owned());
                }
                self.full = true;
            }
            5 => labels(columns.iter_mut().filter(|column| matches!(column.wire, Wire::Set(_))), &mut data)?,
            6 => labels(columns.iter_mut().filter(|column| matches!(column.wire, Wire::Enum(_))), &mut data)?,
            7 => {
                for column in columns.iter_mut().filter(|column| matches!(column.wire, Wire::Geometry(_))) {
                    // `Field::geometry_type`: 1 is a point.
                    column.point = Some(data.lenenc("geometry type")? == 1);
                }
            }
            8 | 9 => {
                while !data.is_empty() {
                    let index = data.lenenc("primary key")?;
                    self.primary_key.push(usize::try_from(index).unwrap_or(usize::MAX));
                    if field == 9 {
                        data.lenenc("primary key prefix")?;
                    }
                }
            }
            10 => default_collations(columns.iter_mut().filter(|c| c.wire.has_labels()).collect(), &mut data)?,
            11 => collations(columns.iter_mut().filter(|column| column.wire.has_labels()), &mut data)?,
            // Visibility, vector dimensions, and what later servers add.
            _ => {}
        }
        Ok(())
    }
}

fn default_collations(columns: Vec<&mut MappedColumn>, data: &mut Cursor) -> Result<(), Short> {
    let default = data.lenenc("default collation")?;
    let mut exceptions = Vec::new();
    while !data.is_empty() {
        exceptions.push((data.lenenc("collation")?, data.lenenc("collation")?));
    }
    for (index, column) in (0_u64..).zip(columns) {
        let exception = exceptions.iter().find(|(of, _)| *of == index);
        column.collation = Some(exception.map_or(default, |(_, collation)| *collation));
    }
    Ok(())
}

fn collations<'a>(columns: impl Iterator<Item = &'a mut MappedColumn>, data: &mut Cursor) -> Result<(), Short> {
    for column in columns {
        column.collation = Some(data.lenenc("collation")?);
    }
    Ok(())
}

fn labels<'a>(columns: impl Iterator<Item = &'a mut MappedColumn>, data: &mut Cursor) -> Result<(), Short> {
    for column in columns {
        for _ in 0..data.lenenc("labels")? {
            column.labels.push(data.lenenc_bytes("label")?);
        }
    }
    Ok(())
}

/// A column's type and metadata (`enum_field_types`, `Table_map_event`'s table of metadata).
fn wire(kind: u8, metadata: &mut Cursor) -> Result<Wire, Short> {
    const WHAT: &str = "column metadata";
    Ok(match kind {
        1 => Wire::Int(1),
        2 => Wire::Int(2),
        3 => Wire::Int(4),
        8 => Wire::Int(8),
        9 => Wire::Int(3),
        4 => {
            metadata.skip(1, WHAT)?;
            Wire::Float
        }
        5 => {
            metadata.skip(1, WHAT)?;
            Wire::Double
        }
        10 | 14 => Wire::Date,
        13 => Wire::Year,
        15 | 253 => Wire::Varchar(metadata.u16(WHAT)?),
        16 => {
            let [bits, bytes] = metadata.array(WHAT)?;
            Wire::Bit(u16::from(bytes) * 8 + u16::from(bits))
        }
        17 => Wire::Timestamp(metadata.u8(WHAT)?.min(6)),
        18 => Wire::DateTime(metadata.u8(WHAT)?.min(6)),
        19 => Wire::Time(metadata.u8(WHAT)?.min(6)),
        242 => Wire::Vector(metadata.u8(WHAT)?),
        245 => Wire::Json(metadata.u8(WHAT)?),
        246 => {
            let [precision, scale] = metadata.array(WHAT)?;
            Wire::Decimal(precision, scale)
        }
        249..=252 => Wire::Blob(metadata.u8(WHAT)?),
        255 => Wire::Geometry(metadata.u8(WHAT)?),
        247 | 248 | 254 => {
            let [real, length] = metadata.array(WHAT)?;
            match real {
                247 => Wire::Enum(length),
                248 => Wire::Set(length),
                // The upper bits of the length hide in the type: `Field_string::do_save_field_metadata`.
                _ => Wire::Char(u16::from(real & 0x30 ^ 0x30) << 4 | u16::from(length)),
            }
        }
        _ => Wire::Unknown(kind),
    })
}

impl Wire {
    /// Whether SIGNEDNESS has a bit for it.
    const fn is_number(self) -> bool {
        matches!(self, Self::Int(_) | Self::Float | Self::Double | Self::Decimal(..) | Self::Year)
    }

    /// Whether the character sets have an entry for it: a vector has, a geometry has not (`is_character_type` of the server).
    const fn is_text(self) -> bool {
        matches!(self, Self::Char(_) | Self::Varchar(_) | Self::Blob(_) | Self::Vector(_))
    }

    const fn has_labels(self) -> bool {
        matches!(self, Self::Enum(_) | Self::Set(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `t (g geometry, p point, v vector(2), c varchar(10) character set latin1)` in `d`, with full metadata.
    #[test]
    fn what_is_told_of_columns_is_told_of_the_right_ones() {
        let event = [
            &[1, 0, 0, 0, 0, 0, 0, 0, 1, b'd', 0, 1, b't', 0][..],
            &[4, 255, 255, 242, 15, 5, 4, 4, 4, 10, 0, 0b1111],
            &[3, 2, 63, 8, 4, 8, 1, b'g', 1, b'p', 1, b'v', 1, b'c', 7, 2, 0, 1],
        ]
        .concat();
        let map = TableMap::parse(&event.into()).unwrap();
        let column = |index: usize| {
            let MappedColumn { wire, collation, name, point, .. } = &map.columns[index];
            (*wire, *collation, name.clone().unwrap_or_default(), *point)
        };
        assert!(map.full);
        assert_eq!(column(0), (Wire::Geometry(4), None, "g".into(), Some(false)));
        assert_eq!(column(1), (Wire::Geometry(4), None, "p".into(), Some(true)));
        assert_eq!(column(2), (Wire::Vector(4), Some(63), "v".into(), None));
        assert_eq!(column(3), (Wire::Varchar(10), Some(8), "c".into(), None));
    }
}
