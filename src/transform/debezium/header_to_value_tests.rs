use super::*;
use crate::record::Header;
use crate::transform::test_records::{applied, built, event, field, headers, of, refusal, row, tombstone};

fn with_headers(record: Record, names: &[&'static str]) -> Record {
    let mut record = record;
    for name in names {
        let schema = Schema::of(Kind::Text).optional();
        let value = Datum { schema: schema.into(), value: Value::text(*name) };
        record.headers.push(Header { name: (*name).into(), value });
    }
    record
}

fn created() -> Record {
    event("c", &[("id", of(Kind::Int32))], Value::Null, row([Value::Int32(1)]))
}

fn mover(operation: &str, headers: &str, fields: &str) -> Box<dyn Transform> {
    built(build, &[("operation", operation), ("headers", headers), ("fields", fields)]).unwrap()
}

#[test]
fn headers_become_fields() {
    for (operation, left) in [("copy", vec!["a", "b", "c"]), ("move", vec!["c"])] {
        let mut mover = mover(operation, "a,b", "x,after.y");
        let record = applied(&mut *mover, with_headers(created(), &["a", "b", "c"]));
        assert_eq!((field(&record, "x"), field(&record, "after.y")), (Value::text("a"), Value::text("b")));
        assert_eq!(field(&record, "after.id"), Value::Int32(1));
        let names: Vec<String> = headers(&record).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, left, "{operation}");
        let again = applied(&mut *mover, with_headers(created(), &["a", "b"]));
        assert!(field(&again, "after.y") == Value::text("b"));
    }
}

#[test]
fn structs_are_made_on_the_way_and_nulls_stay() {
    let mut mover = mover("move", "a,b,c", "new.y,new.deep.x,after.z");
    let deleted = event("d", &[("id", of(Kind::Int32))], row([Value::Int32(1)]), Value::Null);
    let record = applied(&mut *mover, with_headers(deleted, &["a", "b", "c"]));
    assert_eq!((field(&record, "new.y"), field(&record, "new.deep.x")), (Value::text("a"), Value::text("b")));
    assert_eq!((field(&record, "after"), field(&record, "op")), (Value::Null, Value::text("d")));
    // Records of one schema may have other headers.
    let record = applied(&mut *mover, with_headers(created(), &["c"]));
    assert_eq!(field(&record, "after.z"), Value::text("c"));
    assert!(record.value.unwrap().schema.index_of("new").is_none());
}

#[test]
fn what_has_no_such_header_passes() {
    let mut mover = mover("move", "a", "x");
    assert_eq!(applied(&mut *mover, tombstone()).value, None);
    assert_eq!(applied(&mut *mover, with_headers(created(), &["b"])).value, created().value);
    let filled = applied(&mut *super::tests::mover("copy", "a", "op"), with_headers(created(), &["a"]));
    assert_eq!(field(&filled, "op"), Value::text("a"), "a field that is there is filled");
    for (path, expected) in [("ts_ms", "of another type"), ("op.x", "is no struct")] {
        let refused = refusal(super::tests::mover("copy", "a", path).apply(with_headers(created(), &["a"])));
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn what_cannot_work_is_said() {
    let problems = built(build, &[("operation", "mvoe"), ("headers", "a b,c"), ("fields", "x..y")]).err().unwrap();
    for expected in
        ["did you mean \"move\"?", "must be as many as the headers", "\"a b\": must have no white space", "\"x..y\""]
    {
        assert!(problems.contains(expected), "{expected} is not in\n{problems}");
    }
    assert!(built(build, &[]).err().unwrap().contains("operation: is required"));
}
