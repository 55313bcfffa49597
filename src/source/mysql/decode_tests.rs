use proptest::prelude::*;

use super::*;
use crate::source::mysql::tablemap::TableMap;

fn read(wire: Wire, bytes: &'static [u8]) -> Cell {
    let mut cursor = Cursor::new(Bytes::from_static(bytes));
    let cell = wire.read(&mut cursor).unwrap();
    assert!(cursor.is_empty(), "{wire:?} left {cursor:?}");
    let mut skipped = Cursor::new(Bytes::from_static(bytes));
    wire.skip(&mut skipped).unwrap();
    assert!(skipped.is_empty(), "{wire:?} skips less than it reads");
    cell
}

#[test]
fn reads_decimals() {
    // The examples of the server's decimal2bin: 1234567890.1234 of decimal(14,4), and its negative.
    assert_eq!(
        read(Wire::Decimal(14, 4), &[0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2]),
        Cell::Unscaled(12_345_678_901_234)
    );
    assert_eq!(
        read(Wire::Decimal(14, 4), &[0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d]),
        Cell::Unscaled(-12_345_678_901_234)
    );
    let zeros: &'static [u8] =
        &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    assert_eq!(read(Wire::Decimal(65, 30), zeros), Cell::Digits("0.000000000000000000000000000007".into()));
}

#[test]
fn reads_times() {
    assert_eq!(read(Wire::Time(0), &[0x80, 0xc8, 0xb8]), Cell::Time(45_296_000_000));
    // -00:00:00.000001 and -01:02:03.500: the fraction borrows.
    assert_eq!(read(Wire::Time(6), &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]), Cell::Time(-1));
    assert_eq!(read(Wire::Time(3), &[0x7f, 0xef, 0x7c, 0xec, 0x78]), Cell::Time(-3_723_500_000));
    assert_eq!(read(Wire::DateTime(0), &[0x80, 0, 0, 0, 0]), Cell::Moment(None));
    assert_eq!(read(Wire::Timestamp(0), &[0, 0, 0, 0]), Cell::Moment(None));
    assert_eq!(read(Wire::Timestamp(3), &[0, 0, 0, 1, 0x1e, 0xd2]), Cell::Moment(Some(1_789_000)));
    assert_eq!(read(Wire::Date, &[0x5d, 0xd0, 0x0f]), Cell::Date(Some(19_782)));
    assert_eq!(day(2024, 0, 0), None);
    assert_eq!(day(2023, 2, 29), None);
}

#[test]
fn reads_integers_and_labels() {
    assert_eq!(read(Wire::Int(3), &[0xfb, 0xff, 0xff]), Cell::Int(0xff_fffb, 3));
    assert_eq!(read(Wire::Bit(9), &[1, 2]), Cell::Bits(258));
    assert_eq!(read(Wire::Enum(2), &[1, 0]), Cell::Label(1));
    assert_eq!(read(Wire::Varchar(300), &[2, 0, b'a', b'b']), Cell::Bytes(Bytes::from_static(b"ab")));
    assert_eq!(read(Wire::Year, &[0]), Cell::Year(1900));
}

fn any_wire() -> impl Strategy<Value = Wire> {
    (0..18_u8, any::<u8>(), any::<u8>()).prop_map(|(kind, a, b)| match kind {
        0 => Wire::Int(a % 9),
        1 => Wire::Float,
        2 => Wire::Double,
        3 => Wire::Decimal(a, b),
        4 => Wire::Year,
        5 => Wire::Date,
        6 => Wire::Time(a % 7),
        7 => Wire::DateTime(a % 7),
        8 => Wire::Timestamp(a % 7),
        9 => Wire::Bit(a.into()),
        10 => Wire::Varchar(u16::from(a) * 3),
        11 => Wire::Blob(a),
        12 => Wire::Json(a),
        13 => Wire::Geometry(a),
        14 => Wire::Vector(a),
        15 => Wire::Enum(a),
        16 => Wire::Set(a),
        _ => Wire::Unknown(a),
    })
}

proptest! {
    #[test]
    fn never_panics(wire in any_wire(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = wire.read(&mut Cursor::new(bytes.clone().into()));
        let _ = wire.skip(&mut Cursor::new(bytes.into()));
    }

    #[test]
    fn table_maps_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = TableMap::parse(&bytes.into());
    }
}
