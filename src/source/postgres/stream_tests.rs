use std::fmt::Write as _;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::Properties;
use crate::data::{Row, Schema, Value};
use crate::event::Position;
use crate::source::Progress;
use crate::source::batcher::Limits;
use crate::source::postgres::recorded;

const RECORDINGS: [&str; 2] = ["pg15", "pg17"];

fn config(more: &[(&str, &str)]) -> PostgresConfig {
    let fixed = [("topic.prefix", "p"), ("database.hostname", "h"), ("database.user", "u"), ("database.dbname", "d")];
    let pairs = fixed.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    PostgresConfig::read(&pairs.collect::<Properties>()).unwrap()
}

/// An event and the position behind it.
type Seen = (String, Position);

/// What was recorded.
struct Recording {
    messages: Vec<(u64, Bytes)>,
    catalog: recorded::Catalog,
}

impl Recording {
    fn of(name: &str) -> Self {
        Self { messages: recorded::messages(name), catalog: recorded::Catalog::of(name) }
    }
}

/// What a stream that starts behind `offset` says when the server sends these messages, each event with its position.
async fn replay(config: &PostgresConfig, recording: &Recording, offset: &Offset) -> Vec<Seen> {
    let (batches, _inbox) = mpsc::channel(1);
    let (_, saved) = watch::channel(None);
    let (progress, _) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let progress = progress.into();
    let (meters, room) = (Arc::default(), Arc::default());
    let out = Outbox { batches, saved, progress, stop, record_offsets: false, limits: Limits::default(), meters, room };
    let shared = Shared::default();
    let catalog = Catalog::Recorded(recording.catalog.clone());
    let mut stream = Stream::new(config, &out, &shared, catalog, (offset.clone(), 0));
    let mut seen = Vec::new();
    for (lsn, payload) in sent_from(offset.resume(), recording.messages.clone()) {
        stream.message(lsn, &payload).await.unwrap();
        // A message that is several events is one batch here: the position is behind all of them.
        let batch = stream.batcher.take(stream.resume_here().position());
        seen.extend(batch.events.iter().map(|event| (told(event), batch.position.clone())));
    }
    seen
}

/// What the server sends when the stream starts at that place: transactions that commit behind it, and messages outside of
/// transactions from there on, with the relations that they need.
fn sent_from(start: u64, messages: Vec<(u64, Bytes)>) -> Vec<(u64, Bytes)> {
    let mut sent = Vec::new();
    let mut relations: Vec<(u64, Bytes)> = Vec::new();
    let mut transaction: Option<Vec<(u64, Bytes)>> = None;
    for (lsn, payload) in messages {
        match (payload.first(), &mut transaction) {
            (Some(b'B'), _) => transaction = Some(vec![(lsn, payload)]),
            (Some(b'C'), open) => {
                let mut whole = open.take().unwrap();
                if lsn > start {
                    let begin = whole.remove(0);
                    sent.push(begin);
                    sent.append(&mut relations);
                    sent.extend(whole);
                    sent.push((lsn, payload));
                } else {
                    relations.extend(whole.into_iter().filter(|(_, payload)| payload.starts_with(b"R")));
                }
            }
            (_, Some(open)) => open.push((lsn, payload)),
            (_, None) if lsn >= start => sent.push((lsn, payload)),
            (_, None) => {}
        }
    }
    sent
}

/// An event as a line.
fn told(event: &Event) -> String {
    match event {
        Event::Change(change) => {
            let mut line = format!("{} {}", change.op.code(), change.table.id);
            let key = change.table.key.as_ref();
            let fields = change.table.row.fields();
            let row = |row: &Row| -> String {
                let value = |(field, value): (&crate::data::Field, &Value)| format!("{}={}", field.name, shown(value));
                fields.iter().zip(row.iter()).map(value).collect::<Vec<_>>().join(" ")
            };
            if let Some(key) = key {
                let names: Vec<String> = key.schema.fields().iter().map(|field| field.name.to_string()).collect();
                write!(line, " [{}]", names.join(" ")).unwrap();
            }
            for (name, image) in [("before", &change.before), ("after", &change.after)] {
                if let Some(image) = image {
                    write!(line, "\n    {name}: {}", row(image)).unwrap();
                }
            }
            if let Some(place) = &change.transaction {
                write!(line, "\n    {} {}", place.total_order, place.data_collection_order).unwrap();
            }
            line
        }
        Event::Boundary(boundary) => match &boundary.end {
            None => "BEGIN".to_owned(),
            Some(counts) => format!("END {counts:?}"),
        },
        Event::Ready(ready) => {
            let value = ready.value.as_ref().and_then(|datum| datum.value.as_struct()).unwrap();
            format!("m {}", shown(value.last().unwrap()))
        }
        Event::Heartbeat { .. } => "heartbeat".to_owned(),
        Event::DeadLetter(_) => "dead letter".to_owned(),
    }
}

/// A value as text; long ones are cut.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) if text.as_str().len() > 60 => format!("{:?}…", &text.as_str()[..20]),
        Value::Text(text) => format!("{text:?}"),
        Value::Bytes(bytes) if bytes.len() > 30 => format!("x…{}", bytes.len()),
        Value::Bytes(bytes) => bytes.iter().fold("x".to_owned(), |shown, byte| format!("{shown}{byte:02x}")),
        Value::Struct(fields) => format!("({})", fields.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Bool(value) => value.to_string(),
        Value::Int16(value) => value.to_string(),
        Value::Int32(value) => value.to_string(),
        Value::Int64(value) => value.to_string(),
        Value::Float32(value) => value.to_string(),
        Value::Float64(value) => value.to_string(),
        Value::Int8(_) | Value::Map(_) => format!("{value:?}"),
    }
}

fn from_the_start() -> Offset {
    Offset { lsn: Some(1), ..Offset::default() }
}

/// The lines were compared with what Debezium emits for such statements (`tests/data/debezium/pg_crud`, `pg_types`).
#[tokio::test(start_paused = true)]
async fn recorded_streams_become_debeziums_events() {
    let config = config(&[("skipped.operations", "none")]);
    for name in RECORDINGS {
        let seen = replay(&config, &Recording::of(name), &from_the_start()).await;
        let lines = seen.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>().join("\n") + "\n";
        let expected = recorded::read("events.txt");
        if lines != expected {
            let first = lines.lines().zip(expected.lines()).find(|(line, expected)| line != expected);
            panic!("{name}: {first:#?}\n{lines}");
        }
    }
}

/// Resuming behind any event gives the others, each once. A `COPY` puts many rows at one place in the log.
#[tokio::test(start_paused = true)]
async fn every_position_resumes_right_behind_its_event() {
    for more in [("skipped.operations", "none"), ("provide.transaction.metadata", "true")] {
        let config = config(&[more]);
        for name in RECORDINGS {
            let recording = Recording::of(name);
            let whole = replay(&config, &recording, &from_the_start()).await;
            assert!(whole.len() > 30, "{} events", whole.len());
            for (at, (_, position)) in whole.iter().enumerate() {
                let behind = whole.iter().rposition(|(_, other)| other == position).unwrap();
                let resumed = replay(&config, &recording, &Offset::read(position).unwrap()).await;
                let lines = |seen: &[Seen]| seen.iter().map(|(line, _)| line.clone()).collect::<Vec<_>>();
                assert_eq!(lines(&resumed), lines(&whole[behind + 1..]), "{name}, behind {at}: {}", position.0);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_is_part_of_the_schema_and_stands_for_a_null_that_is_not_allowed() {
    let config = config(&[]);
    let seen = replay(&config, &Recording::of("pg15"), &from_the_start()).await;
    let deleted = seen.iter().find(|(line, _)| line.starts_with("d public.customers")).unwrap();
    assert!(deleted.0.contains(r#"before: id=7 name="" vip=false"#), "{}", deleted.0);
    let catalog = recorded::Catalog::of("pg15");
    let message = recorded::messages("pg15").into_iter().find(|(_, payload)| payload.starts_with(b"R")).unwrap();
    let Ok(Message::Relation(relation)) = pgoutput::parse(&message.1) else { panic!("no relation") };
    let mut relations = Relations::new(Catalog::Recorded(catalog));
    relations.learn(&config, &relation).await.unwrap();
    let layout = relations.layout_of(relation.id).unwrap().unwrap();
    let schema = |name: &str| -> Schema {
        let fields = layout.table.row.fields();
        fields.iter().find(|field| &*field.name == name).unwrap().schema.as_ref().clone()
    };
    assert_eq!((schema("id").default, schema("id").optional), (Some(Value::Int32(0)), false));
    assert_eq!((schema("vip").default, schema("vip").optional), (Some(Value::Bool(false)), false));
    assert_eq!((schema("name").default, schema("name").optional), (None, false));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_captured_is_left_out_and_unknown_relations_stop() {
    let config = config(&[("table.include.list", "public.orders")]);
    let seen = replay(&config, &Recording::of("pg15"), &from_the_start()).await;
    assert!(seen.iter().all(|(line, _)| line.contains("public.orders") || line.starts_with("m ")));
    assert!(Relations::new(Catalog::Recorded(recorded::Catalog::of("pg15"))).layout_of(1).is_err());
}

#[test]
fn a_keep_alive_within_a_transaction_moves_nothing() {
    let config = config(&[]);
    let (batches, _inbox) = mpsc::channel(1);
    let (_, saved) = watch::channel(None);
    let (progress, _) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let progress = progress.into();
    let (meters, room) = (Arc::default(), Arc::default());
    let out = Outbox { batches, saved, progress, stop, record_offsets: false, limits: Limits::default(), meters, room };
    let shared = Shared::default();
    let catalog = Catalog::Recorded(recorded::Catalog::of("pg15"));
    let mut stream = Stream::new(&config, &out, &shared, catalog, (from_the_start(), 0));
    stream.keep_alive(50);
    assert_eq!(stream.resume_here().resume(), 50);
    stream.begin(40, 0, 7);
    stream.keep_alive(60);
    assert_eq!((stream.resume_here().resume(), stream.resume_here().xid), (50, Some(7)));
    stream.commit(70);
    stream.keep_alive(80);
    assert_eq!(stream.resume_here().resume(), 80);
    stream.keep_alive(75);
    assert_eq!(stream.resume_here().resume(), 80);
}
