//! Recorded logs (`tests/data/mysql/*.binlog`: the golden statements on real servers) read without a server.

use std::fmt::Write as _;
use std::path::PathBuf;

use mysql_async::binlog::BinlogVersion;
use mysql_async::binlog::events::{Event as Packet, FormatDescriptionEvent, TransactionPayloadEvent};
use proptest::prelude::*;

use super::*;
use crate::config::Properties;
use crate::data::Schema;
use crate::source::mysql::{Flavor, MySqlConfig};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/mysql").join(name)
}

/// The events of a file, as the server would send them.
fn recorded(name: &str) -> Vec<Raw> {
    let file = std::fs::read(data(name)).unwrap();
    let mut rest = file.strip_prefix(b"\xfebin").unwrap();
    let mut format = FormatDescriptionEvent::new(BinlogVersion::Version4);
    let mut events = Vec::new();
    while !rest.is_empty() {
        let packet = Packet::read(&format, &mut rest).unwrap();
        if packet.header().event_type_raw() == 15 {
            format = packet.read_event::<FormatDescriptionEvent>().unwrap().into_owned().with_footer(packet.footer());
        }
        let event = Raw::take(&packet, false).unwrap();
        let compressed = event.kind == raw::TRANSACTION_PAYLOAD;
        events.push(event);
        if compressed {
            let payload = packet.read_event::<TransactionPayloadEvent>().unwrap().danger_decompress();
            let (mut inside, plain) = (payload.as_slice(), FormatDescriptionEvent::new(BinlogVersion::Version4));
            while !inside.is_empty() {
                let packet = Packet::read(&plain, &mut inside).unwrap();
                events.push(Raw::take(&packet, true).unwrap());
            }
        }
    }
    events
}

fn reader(start: &Place, catalog: Catalog, options: &[(&str, &str)]) -> Reader {
    let base =
        [("topic.prefix", "p"), ("database.hostname", "h"), ("database.user", "u"), ("skipped.operations", "none")];
    let properties: Properties = base.iter().chain(options).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let common = Common::new(Arc::new(MySqlConfig::read(Flavor::MySql, &properties).unwrap()));
    let as_of = AsOf { executed: GtidSet::default(), file: "binlog.000001".into(), pos: 0 };
    Reader::new(common, (catalog, as_of), start, (true, Limits::default())).unwrap()
}

fn beginning() -> Place {
    Place { file: "binlog.000001".into(), pos: 4, ..Place::default() }
}

/// Reads events to their end: all that the reader says.
fn read(reader: &mut Reader, events: &[Raw]) -> Result<Vec<Event>, SourceError> {
    for event in events {
        if let Step::Rows(mut rows) = reader.event(event)? {
            while reader.row(&mut rows)? {}
        }
    }
    let position = Position("{}".into());
    Ok(reader.batcher.take(position).events)
}

fn changes(reader: &mut Reader, events: &[Raw]) -> Vec<Change> {
    let said = read(reader, events).unwrap();
    said.into_iter().filter_map(|event| if let Event::Change(change) = event { Some(change) } else { None }).collect()
}

fn show_row(text: &mut String, sign: char, schema: &Schema, row: Option<&Row>) {
    let Some(row) = row else { return };
    text.push(sign);
    for (field, value) in schema.fields().iter().zip(row) {
        let value = match value {
            Value::Bytes(bytes) => format!("{bytes:02x?}"),
            other => format!("{other:?}"),
        };
        write!(text, " {}={value}", field.name).unwrap();
    }
    text.push('\n');
}

fn show(change: &Change) -> String {
    let key = change.table.key.as_ref().map(|key| &key.columns);
    let mut text = format!("{} {} key={key:?}\n", change.op.code(), change.table.id);
    show_row(&mut text, '-', &change.table.row, change.before.as_ref());
    show_row(&mut text, '+', &change.table.row, change.after.as_ref());
    text
}

fn shown(name: &str, options: &[(&str, &str)]) -> String {
    changes(&mut reader(&beginning(), Catalog::default(), options), &recorded(name)).iter().map(show).collect()
}

#[track_caller]
fn expect(name: &str, actual: &str) {
    let expected = std::fs::read_to_string(data(name)).unwrap_or_default();
    if expected != actual {
        let seen = std::env::temp_dir().join(name);
        std::fs::write(&seen, actual).unwrap();
        panic!("{name} differs; what was read is in {}", seen.display());
    }
}

#[test]
fn reads_the_golden_statements() {
    expect("crud.changes", &shown("crud-9.7.binlog", &[]));
    expect("types.changes", &shown("types-9.7.binlog", &[]));
}

#[test]
fn every_way_to_log_them_says_the_same() {
    let plain = shown("crud-9.7.binlog", &[]);
    assert_eq!(shown("crud-8.0.binlog", &[]), plain);
    assert_eq!(shown("crud-compressed.binlog", &[]), plain, "binlog_transaction_compression=ON");
    assert_eq!(shown("crud-minimal.binlog", &[]), plain, "binlog_row_metadata=MINIMAL, gtid_mode=OFF");
}

/// What the server sends to one who has that place.
fn sent_from(events: &[Raw], place: &Place) -> Vec<Raw> {
    let Some(gtids) = place.gtids.as_deref() else {
        return events.iter().filter(|event| u64::from(event.end) > place.pos || event.end == 0).cloned().collect();
    };
    let set: GtidSet = gtids.parse().unwrap();
    let mut known = false;
    let sent = events.iter().filter(|event| {
        match &event.gtid {
            Some((gtid, _)) => known = set.contains(gtid),
            None if event.kind == raw::ROTATE => known = false,
            None => {}
        }
        !known
    });
    sent.cloned().collect()
}

/// Rows and schema changes, each with its offset.
fn told(reader: &mut Reader, events: &[Raw]) -> Vec<(String, Arc<str>)> {
    let text = |event: Event| match event {
        Event::Change(change) => Some((show(&change), change.offset.unwrap())),
        Event::Ready(ready) => {
            let Some(Value::Struct(value)) = ready.value.map(|value| value.value) else { panic!("no value") };
            // The statement, and what it changes.
            Some((format!("{:?}", &value[4..]), ready.offset.unwrap()))
        }
        _ => None,
    };
    read(reader, events).unwrap().into_iter().filter_map(text).collect()
}

/// What the select-8.0 log holds stands within a transaction: CREATE TABLE … SELECT.
#[test]
fn goes_on_behind_any_saved_change() {
    for name in ["crud-9.7", "crud-compressed", "crud-minimal", "tagged-9.7", "select-8.0"] {
        let name = &format!("{name}.binlog");
        let events = recorded(name);
        let mut whole = reader(&beginning(), Catalog::default(), &[]);
        whole.log.by_gtid = !name.contains("minimal");
        let all = told(&mut whole, &events);
        assert!(all.len() >= 5);
        for (index, (_, offset)) in all.iter().enumerate() {
            let place = Place::read(&Position(Arc::clone(offset))).unwrap();
            // A minimal log needs the definitions of that place, which the statements before it make.
            let mut catalog = reader(&beginning(), Catalog::default(), &[]);
            let before: Vec<Raw> = events.iter().filter(|event| u64::from(event.end) <= place.pos).cloned().collect();
            changes(&mut catalog, &before);
            let mut resumed = reader(&place, std::mem::take(&mut catalog.catalog), &[]);
            let rest = told(&mut resumed, &sent_from(&events, &place));
            let text = |told: &[(String, Arc<str>)]| told.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
            assert_eq!(text(&rest), text(&all[index + 1..]), "{name} behind event {index}, {place:?}");
        }
    }
}

#[test]
fn tells_of_a_truncate_also_when_the_definitions_are_newer() {
    let mut reader = reader(&beginning(), Catalog::default(), &[]);
    let events = recorded("crud-9.7.binlog");
    changes(&mut reader, &events);
    let end = AsOf { executed: reader.log.executed, file: Arc::clone(&reader.log.file), pos: reader.log.end };
    let mut later = super::tests::reader(&beginning(), reader.catalog, &[]);
    later.as_of = end;
    assert_eq!(changes(&mut later, &events).iter().filter(|change| change.op == Op::Truncate).count(), 1);
}

#[test]
fn passes_nothing_of_another_servers_transaction() {
    let events = recorded("crud-9.7.binlog");
    let mut whole = reader(&beginning(), Catalog::default(), &[]);
    whole.log.by_gtid = true;
    let all = changes(&mut whole, &events);
    // The first of two rows of a transaction was saved.
    let saved = all.iter().position(|change| &*change.table.id == "shop.orders").unwrap();
    let place = Place::read(&Position(all[saved].offset.clone().unwrap())).unwrap();
    let mut same = reader(&place, Catalog::default(), &[]);
    let mut other = reader(&place, Catalog::default(), &[]);
    other.log.rotate("other.000007", 4);
    let sent = sent_from(&events, &place);
    // From another server the transaction comes whole: what was saved is repeated, nothing is lost.
    assert_eq!(changes(&mut other, &sent).len(), changes(&mut same, &sent).len() + 1);
}

#[test]
fn tells_of_transactions() {
    let options = [("provide.transaction.metadata", "true"), ("include.schema.changes", "false")];
    let mut reader = reader(&beginning(), Catalog::default(), &options);
    let said = read(&mut reader, &recorded("tagged-9.7.binlog")).unwrap();
    let shown: Vec<String> = said
        .iter()
        .map(|event| match event {
            Event::Boundary(boundary) => {
                let counts =
                    boundary.end.as_ref().map(|tables| tables.iter().map(|(_, count)| *count).collect::<Vec<_>>());
                format!("{} {counts:?}", boundary.id.split_once(':').unwrap().1)
            }
            Event::Change(change) => {
                let place = change.transaction.as_ref().unwrap();
                format!("{} {}", change.op.code(), place.total_order)
            }
            other => format!("{other:?}"),
        })
        .collect();
    let first = ["3 None", "c 1", "3 Some([1])", "tagx:1 None", "c 1", "tagx:1 Some([1])"];
    assert_eq!(shown[..first.len()], first);
    assert_eq!(shown[shown.len() - 5..], ["4 None", "u 1", "u 2", "u 3", "4 Some([3])"]);
}

#[test]
fn refuses_what_it_cannot_read() {
    let mut events = recorded("crud-9.7.binlog");
    // Without its TABLE_MAP a row event says nothing.
    events.retain(|event| event.kind != raw::TABLE_MAP);
    let error = read(&mut reader(&beginning(), Catalog::default(), &[]), &events).unwrap_err().to_string();
    assert!(error.contains("there was no TABLE_MAP") && error.contains("binlog.000001:"), "{error}");
    // A definition that was read later does not fit a minimal log.
    let mut later = Catalog::default();
    let definition = ddl::definition("CREATE TABLE customers (id bigint primary key)").unwrap();
    later.insert(("shop".to_owned(), "customers".to_owned()), definition);
    let events: Vec<Raw> =
        recorded("crud-minimal.binlog").into_iter().filter(|event| event.kind != raw::QUERY).collect();
    let error = read(&mut reader(&beginning(), later, &[]), &events).unwrap_err().to_string();
    assert!(error.contains("shop.customers") && error.contains("binlog_row_metadata=FULL"), "{error}");
}

#[test]
fn leaves_out_what_is_not_captured() {
    let tables = [("table.include.list", "shop.orders"), ("column.exclude.list", "shop.orders.sku")];
    let shown = shown("crud-9.7.binlog", &tables);
    assert!(shown.contains("shop.orders") && !shown.contains("customers") && !shown.contains("sku"));
    let inserts = [("skipped.operations", "u,d,t")];
    let events = recorded("crud-9.7.binlog");
    let all = changes(&mut reader(&beginning(), Catalog::default(), &inserts), &events);
    assert!(all.iter().all(|change| change.op == Op::Create) && all.len() > 10);
}

proptest! {
    #[test]
    fn a_damaged_log_is_an_error_or_read(at in any::<prop::sample::Index>(), byte in any::<u8>(), index in any::<prop::sample::Index>()) {
        static RECORDED: std::sync::LazyLock<Vec<Raw>> = std::sync::LazyLock::new(|| recorded("types-9.7.binlog"));
        let mut events = RECORDED.clone();
        let event = index.get_mut(&mut events);
        let mut data = event.data.to_vec();
        if !data.is_empty() {
            let at = at.index(data.len());
            data[at] = byte;
            event.data = data.into();
        }
        let _ = read(&mut reader(&beginning(), Catalog::default(), &[]), &events);
    }
}
