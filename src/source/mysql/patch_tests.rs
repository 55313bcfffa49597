use proptest::prelude::*;

use super::*;

/// `{"a": 1, "b": [true, "x"]}` as MySQL stores it.
const DOCUMENT: &[u8] = &[
    0, 2, 0, 37, 0, 18, 0, 1, 0, 19, 0, 1, 0, 5, 1, 0, 2, 20, 0, b'a', b'b', 2, 0, 12, 0, 4, 1, 0, 12, 10, 0, 1, b'x',
];
/// 7, as MySQL stores it.
const SEVEN: &[u8] = &[5, 7, 0];

fn change(operation: u8, path: &str, value: &[u8]) -> Vec<u8> {
    let sized = |bytes: &[u8]| [&[u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let value = if operation == 2 { Vec::new() } else { sized(value) };
    [vec![operation], sized(path.as_bytes()), value].concat()
}

fn changed(changes: &[Vec<u8>]) -> Result<String, BadJson> {
    text(&Bytes::from_static(DOCUMENT), changes.concat().into())
}

#[test]
fn applies_what_the_log_tells() {
    for (changes, expected) in [
        (vec![], r#"{"a":1,"b":[true,"x"]}"#),
        (vec![change(0, "$.a", SEVEN)], r#"{"a":7,"b":[true,"x"]}"#),
        (vec![change(0, "$.b[1]", SEVEN), change(2, "$.a", &[])], r#"{"b":[true,7]}"#),
        (vec![change(1, "$.b[0]", SEVEN)], r#"{"a":1,"b":[7,true,"x"]}"#),
        (vec![change(1, "$.b[9]", SEVEN)], r#"{"a":1,"b":[true,"x",7]}"#),
        (vec![change(0, "$.b[last-1]", SEVEN), change(2, "$.b[last]", &[])], r#"{"a":1,"b":[7]}"#),
        (vec![change(1, "$.aa", SEVEN), change(1, "$.A", SEVEN)], r#"{"A":7,"a":1,"b":[true,"x"],"aa":7}"#),
        (
            vec![change(1, r#"$."x \"y\".[z""#, DOCUMENT)],
            r#"{"a":1,"b":[true,"x"],"x \"y\".[z":{"a":1,"b":[true,"x"]}}"#,
        ),
    ] {
        assert_eq!(changed(&changes).as_deref(), Ok(expected));
    }
}

#[test]
fn refuses_what_does_not_fit() {
    for changes in [
        change(0, "$", SEVEN),
        change(0, "$.c", SEVEN),
        change(1, "$.a", SEVEN),
        change(2, "$.b[2]", &[]),
        change(2, "$.c", &[]),
        change(0, "$.b.c", SEVEN),
        change(1, "$[0]", SEVEN),
        change(0, "$.a[0]", SEVEN),
        change(0, "a", SEVEN),
        change(0, "$.b[x]", SEVEN),
        change(0, "$.\"b", SEVEN),
        change(3, "$.a", SEVEN),
        change(0, "$.a", &[]),
        vec![0, 200, b'$'],
    ] {
        assert!(changed(std::slice::from_ref(&changes)).is_err(), "{changes:?}");
    }
}

#[test]
fn values_that_overlap_are_refused() {
    // An array of eight whose elements are all the same array of eight, and so on: 8^20 values in 600 bytes.
    let level: Vec<u8> = [&[8, 0, 28, 0][..], &[2, 28, 0].repeat(8)].concat();
    let document = [vec![2], level.repeat(20), vec![0, 0, 4, 0]].concat();
    assert_eq!(text(&document.into(), Bytes::new()), Err(BadJson("values overlap")));
}

proptest! {
    #[test]
    fn never_panics(document in proptest::collection::vec(0..40_u8, 0..64), changes in proptest::collection::vec(0..40_u8, 0..64)) {
        let _ = text(&document.into(), changes.into());
    }

    #[test]
    fn paths_never_panic(path in r#"\$?([.\["\\\]a0é-]|last){0,12}"#, operation in 0..3_u8) {
        let _ = changed(&[change(operation, &path, SEVEN)]);
    }
}
