use proptest::prelude::*;

use super::*;

#[test]
fn reads_an_update_with_its_old_key() {
    let bytes = b"U\0\0\0\x01K\0\x02t\0\0\0\x011nN\0\x03t\0\0\0\x012ut\0\0\0\0";
    let Ok(Message::Update { relation: 1, old: Some(old), new }) = parse(bytes) else { panic!("no update") };
    let cells = |tuple: Tuple<'static>| tuple.cells().collect::<Result<Vec<_>, _>>().unwrap();
    assert!(!old.full);
    assert_eq!(cells(old.tuple), [Cell::Text(b"1"), Cell::Null]);
    assert_eq!((new.len(), cells(new)), (3, vec![Cell::Text(b"2"), Cell::Unchanged, Cell::Text(b"")]));
}

#[test]
fn refuses_what_is_cut_short_or_too_long() {
    let whole = b"I\0\0\0\x01N\0\x01t\0\0\0\x02ab";
    assert!(parse(whole).is_ok());
    for end in 0..whole.len() {
        assert!(parse(whole.get(..end).unwrap()).is_err(), "{end}");
    }
    assert_eq!(parse(b"I\0\0\0\x01N\0\0!").unwrap_err(), Malformed("it goes on after its end"));
    assert!(parse(b"T\xff\xff\xff\xff\0").is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(kind in prop::sample::select(b"BCORYIUDTMx".to_vec()), tail in prop::collection::vec(any::<u8>(), 0..64)) {
        let bytes = [&[kind], tail.as_slice()].concat();
        if let Ok(Message::Insert { new, .. } | Message::Update { new, .. }) = parse(&bytes) {
            prop_assert_eq!(new.cells().flatten().count(), new.len());
        }
    }
}
