//! The line from source to sink under scripted faults: what is acknowledged, saved and delivered, and in which order.
//!
//! Every 13th row fails in a transform, and its dead letter takes its place. The source holds a log of numbered rows; the sink and the store fail, or are slow, by a seed. After each run the connector
//! is started again from what was saved, until all rows are through.

use std::collections::HashSet;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rowtide::budget::Budget;
use rowtide::config::NameAdjustment;
use rowtide::config::Properties;
use rowtide::connector::dead_letter::config::Config;
use rowtide::connector::dead_letter::{Classes, Failing};
use rowtide::connector::pipeline::Pipeline;
use rowtide::connector::status::State;
use rowtide::connector::supervise::{self, Retry};
use rowtide::connector::{Connector, Limits, Settings, Telltale, run};
use rowtide::convert::Converters;
use rowtide::data::{Field, Kind, Schema, Value};
use rowtide::event::{Batch, Change, Event, Key, Op, Position, Table, Tally};
use rowtide::offset::{OffsetError, OffsetStore};
use rowtide::record::{Record, Records, Run};
use rowtide::sink::{Delivery, Message, Sink, SinkError};
use rowtide::source::table::{self, Identity};
use rowtide::source::{Outbox, Source, SourceError, batcher};
use rowtide::transform::{Transform, TransformError};
use tokio_util::sync::CancellationToken;

const ROWS: i64 = 300;

/// What the database, the sink's storage and the state hold; it outlives the runs.
#[derive(Default)]
struct World {
    delivered: Vec<i64>,
    durable: HashSet<i64>,
    saved: Option<i64>,
    acknowledged: i64,
    broken: Vec<String>,
}

type Shared = Arc<Mutex<World>>;

fn position(row: i64) -> Position {
    Position(format!(r#"{{"row":{row}}}"#).into())
}

fn row_of(position: &Position) -> i64 {
    let json: serde_json::Value = serde_json::from_str(&position.0).unwrap();
    json["row"].as_i64().unwrap()
}

struct ScriptedSource {
    world: Shared,
    table: Arc<Table>,
    rng: StdRng,
}

impl ScriptedSource {
    fn event(&self, row: i64) -> Event {
        Event::Change(Change {
            table: Arc::clone(&self.table),
            op: Op::Create,
            before: None,
            after: Some(Box::new([Value::Int64(row)])),
            source: Value::Null,
            ts_ns: 0,
            transaction: None,
            offset: None,
        })
    }

    fn acknowledge(&self, out: &Outbox) {
        let Some(saved) = out.saved() else { return };
        let mut world = self.world.lock().unwrap();
        let row = row_of(&saved);
        if world.saved.is_none_or(|held| row > held) {
            let saved = world.saved;
            world.broken.push(format!("acknowledged {row}, but saved is {saved:?}"));
        }
        world.acknowledged = row;
    }
}

impl Source for ScriptedSource {
    fn run(mut self: Box<Self>, start: Option<Position>, out: Outbox) -> BoxFuture<'static, Result<(), SourceError>> {
        async move {
            let mut next = start.as_ref().map_or(1, |position| row_of(position) + 1);
            out.progress.send_modify(|progress| progress.streaming = true);
            while next <= ROWS {
                let more = if out.limits.singly > 0 { 0 } else { self.rng.random_range(0..7) };
                let last = (next + more).min(ROWS);
                let events = (next..=last).map(|row| self.event(row)).collect();
                if out.send(Batch { events, position: position(last), tally: Tally::default() }).await.is_err() {
                    break;
                }
                next = last + 1;
                self.acknowledge(&out);
            }
            out.progress.send_modify(|progress| progress.caught_up = true);
            out.stop.cancelled().await;
            self.acknowledge(&out);
            Ok(())
        }
        .boxed()
    }
}

struct ScriptedSink {
    world: Shared,
    rng: StdRng,
    faults: bool,
}

impl Sink for ScriptedSink {
    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        let away = || SinkError::Unavailable { sink: "scripted".into(), reason: "away".into() };
        let fault = if self.faults { self.rng.random_range(0..60) } else { 9 };
        let slow = Duration::from_millis(self.rng.random_range(0..3));
        let world = Arc::clone(&self.world);
        async move {
            if fault == 0 {
                return Err(away());
            }
            let rows: Vec<i64> = messages.iter().map(row_in).collect();
            let misplaced =
                messages.iter().filter(|message| (&*message.topic == DEAD_LETTERS) != fails(row_in(message)));
            world
                .lock()
                .unwrap()
                .broken
                .extend(misplaced.map(|message| format!("row {} in {}", row_in(message), message.topic)));
            world.lock().unwrap().delivered.extend(&rows);
            let delivery = async move {
                tokio::time::sleep(slow).await;
                world.lock().unwrap().durable.extend(rows);
                // The answer is lost although the rows are there.
                if fault == 1 { Err(away()) } else { Ok(()) }
            };
            Ok(delivery.boxed())
        }
        .boxed()
    }
}

const DEAD_LETTERS: &str = "dead-letters";

fn fails(row: i64) -> bool {
    row % 13 == 0
}

/// Refuses some rows.
struct Refusing;

impl Transform for Refusing {
    fn apply(&mut self, record: Record) -> Result<Option<Record>, TransformError> {
        match record.key.as_ref().and_then(|key| key.value.as_struct()) {
            Some([Value::Int64(row)]) if fails(*row) => Err(TransformError::Unsuitable {
                transform: "refusing".into(),
                topic: record.topic,
                reason: "it is its turn".to_owned(),
            }),
            _ => Ok(Some(record)),
        }
    }
}

/// The row of a message, or of a dead letter.
fn row_in(message: &Message) -> i64 {
    let header = || message.headers.iter().find(|(name, _)| &**name == "x-primary-key")?.1.clone();
    let key = if &*message.topic == DEAD_LETTERS { header() } else { message.key.clone() };
    let json: serde_json::Value = serde_json::from_slice(&key.unwrap()).unwrap();
    json["id"].as_i64().unwrap()
}

fn failing() -> Option<Failing> {
    let keys = [("errors.tolerance", "all"), ("errors.deadletterqueue.topic.name", DEAD_LETTERS)];
    let keys: Properties = keys.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Failing::new(Config::read(&keys).unwrap(), "scripted", Classes::named(&keys, &keys))
}

struct ScriptedStore {
    world: Shared,
    rng: StdRng,
    faults: bool,
}

impl OffsetStore for ScriptedStore {
    fn load(&mut self) -> BoxFuture<'_, Result<Option<Position>, OffsetError>> {
        let saved = self.world.lock().unwrap().saved.map(position);
        async move { Ok(saved) }.boxed()
    }

    fn save(&mut self, position: Position) -> BoxFuture<'_, Result<(), OffsetError>> {
        let fails = self.faults && self.rng.random_range(0..10) == 0;
        let world = Arc::clone(&self.world);
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if fails {
                return Err(OffsetError::State { path: "scripted".into(), reason: "disk full".into() });
            }
            let mut world = world.lock().unwrap();
            let row = row_of(&position);
            if !(1..=row).all(|n| world.durable.contains(&n)) {
                world.broken.push(format!("saved {row} before all up to it was durable"));
            }
            world.saved = Some(row);
            Ok(())
        }
        .boxed()
    }
}

fn table() -> Arc<Table> {
    let fields = vec![Field::new("id", Schema::of(Kind::Int64))];
    let key = Key { columns: vec![0], schema: Arc::new(Schema::structure("Key", fields.clone())) };
    let source = Arc::new(Schema::structure("Source", Vec::new()).optional());
    let identity = Identity { id: "t", topic: &"t".into(), source: &source, tag: None };
    Arc::new(table::table(identity, fields, Some(key), NameAdjustment::None))
}

/// Without a place for what fails.
fn pipeline() -> Pipeline {
    let schemaless: Properties =
        ["key", "value"].map(|of| (format!("{of}.converter.schemas.enable"), "false".to_owned())).into();
    let run = Run {
        prefix: "cdc".into(),
        connector: "scripted",
        tombstones: true,
        context_headers: false,
        heartbeat_topic: "h".into(),
        transaction_topic: "x".into(),
    };
    let converters = Converters::configured(&schemaless, &Properties::new()).unwrap();
    Pipeline::new(Records::new(run), vec![Box::new(Refusing)], converters)
}

fn connector(world: &Shared, seed: u64, faults: bool) -> Connector {
    let rng = |salt: u64| StdRng::seed_from_u64(seed * 3 + salt);
    Connector {
        source: Box::new(ScriptedSource { world: Arc::clone(world), table: table(), rng: rng(0) }),
        pipeline: pipeline().failing(failing()),
        sink: Box::new(ScriptedSink { world: Arc::clone(world), rng: rng(1), faults }),
        offsets: Box::new(ScriptedStore { world: Arc::clone(world), rng: rng(2), faults }),
        settings: Settings {
            limits: Limits { batches_queued: 2, batches_in_flight: 4, ..Limits::default() },
            save_interval: Duration::from_millis(2),
            batch: batcher::Limits::default(),
            record_offsets: false,
            once: true,
            // Too little for what could be on its way.
            budget: Some(Budget::of(2048)),
        },
        spans: None,
    }
}

/// Runs until all rows are saved; stops each run at a random moment. Gives what happened.
async fn runs(seed: u64, faults: bool) -> Shared {
    let world = Shared::default();
    let mut rng = StdRng::seed_from_u64(seed);
    for attempt in 0..2000 {
        let stop = CancellationToken::new();
        let stopper = stop.clone();
        let after = Duration::from_millis(rng.random_range(5..60));
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            stopper.cancel();
        });
        let before = world.lock().unwrap().delivered.len();
        let result = run(connector(&world, seed * 7919 + attempt, faults), &Telltale::default(), stop).await;
        let mut held = world.lock().unwrap();
        if result.is_ok() {
            let delivered = held.delivered[before..].last().copied();
            let saved = held.saved;
            if delivered.is_some() && delivered != saved {
                held.broken.push(format!("a clean stop delivered {delivered:?} but saved {saved:?}"));
            }
            if saved.is_some() && Some(held.acknowledged) != saved {
                held.broken.push("a clean stop did not acknowledge what was saved".into());
            }
        }
        if held.saved == Some(ROWS) {
            break;
        }
    }
    world
}

fn first_appearances(delivered: &[i64]) -> Vec<i64> {
    let mut seen = HashSet::new();
    delivered.iter().copied().filter(|row| seen.insert(*row)).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_and_first_appearances_are_in_order_whatever_fails() {
    for seed in 0..200 {
        let world = runs(seed, true).await;
        let world = world.lock().unwrap();
        assert_eq!(world.broken, Vec::<String>::new(), "seed {seed}");
        assert_eq!(first_appearances(&world.delivered), (1..=ROWS).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(world.saved, Some(ROWS), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn clean_stops_repeat_nothing() {
    for seed in 0..50 {
        let world = runs(seed, false).await;
        let world = world.lock().unwrap();
        assert_eq!(world.broken, Vec::<String>::new(), "seed {seed}");
        assert_eq!(world.delivered, (1..=ROWS).collect::<Vec<_>>(), "seed {seed}");
    }
}

/// A sink with a fault of ours.
struct Faulty;

impl Sink for Faulty {
    fn write(&mut self, _: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        panic!("a fault of ours")
    }
}

/// It is told, and the source does not stay behind: it would hold its replication slot for ever.
#[tokio::test(start_paused = true)]
async fn a_panic_in_the_line_is_a_failure_and_ends_the_source() {
    let world = Shared::default();
    let known = Arc::clone(&world);
    let build = move || {
        let connector = Connector { sink: Box::new(Faulty), ..connector(&known, 1, false) };
        async { Ok(connector) }.boxed()
    };
    let handle = supervise::start(Box::new(build), Retry::default());
    let limit = Duration::from_secs(60);
    let status = tokio::time::timeout(limit, handle.reaches(&[State::Failed])).await.unwrap();
    assert_eq!(status.state, State::Failed, "{status:?}");
    assert!(status.trace.is_some_and(|trace| trace.contains("panicked")));
    // The world is held here and by what builds the parts; a part that is still there holds it too.
    let ended = async {
        while Arc::strong_count(&world) > 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(limit, ended).await.unwrap();
    handle.stop();
    handle.ended().await;
}

/// Whatever its batches were: rows before one that fails are delivered and saved, and none behind it.
#[tokio::test(start_paused = true)]
async fn what_precedes_a_row_that_fails_is_delivered() {
    for seed in 0..50 {
        let world = Shared::default();
        let known = Arc::clone(&world);
        let build = move || {
            let mut connector = connector(&known, seed, false);
            connector.pipeline = pipeline();
            async { Ok(connector) }.boxed()
        };
        let handle = supervise::start(Box::new(build), Retry::default());
        let failed = handle.reaches(&[State::Failed]);
        let status = tokio::time::timeout(Duration::from_secs(60), failed).await.unwrap();
        assert!(status.trace.is_some_and(|trace| trace.contains("it is its turn")));
        handle.stop();
        handle.ended().await;
        let world = world.lock().unwrap();
        assert_eq!((first_appearances(&world.delivered), world.saved), ((1..13).collect(), Some(12)), "seed {seed}");
        assert_eq!(world.broken, Vec::<String>::new(), "seed {seed}");
    }
}

/// A sink that misses its topic, so many times.
struct Missing(Arc<AtomicU32>, ScriptedSink);

impl Sink for Missing {
    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        if self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            let missing =
                SinkError::TopicMissing { topic: "t".into(), reason: "gone".into(), remedy: "create it".into() };
            return async { Err(missing) }.boxed();
        }
        self.1.write(messages)
    }
}

/// A broker that has just started misses topics that it has not loaded. One that is not there is somebody's to create.
#[tokio::test(start_paused = true)]
async fn a_topic_that_is_missing_for_a_moment_is_no_failure() {
    for (times, expected) in [(1, State::Stopped), (5, State::Failed)] {
        let (world, left) = (Shared::default(), Arc::new(AtomicU32::new(times)));
        let known = Arc::clone(&world);
        let build = move || {
            let sink = ScriptedSink { world: Arc::clone(&known), rng: StdRng::seed_from_u64(1), faults: false };
            let sink = Box::new(Missing(Arc::clone(&left), sink));
            let connector = Connector { sink, ..connector(&known, 1, false) };
            async { Ok(connector) }.boxed()
        };
        let handle = supervise::start(Box::new(build), Retry::default());
        let limit = Duration::from_secs(600);
        let status = tokio::time::timeout(limit, handle.reaches(&[State::Failed, State::Stopped])).await.unwrap();
        assert_eq!(status.state, expected, "{status:?}");
        let ended = tokio::time::timeout(limit, handle.ended()).await.unwrap();
        assert_eq!((ended.state, world.lock().unwrap().saved), (State::Stopped, Some(ROWS)), "{times}");
    }
}

/// A source whose database goes away while the connector stops.
struct Parting(ScriptedSource);

impl Source for Parting {
    fn run(self: Box<Self>, start: Option<Position>, out: Outbox) -> BoxFuture<'static, Result<(), SourceError>> {
        let ended = Box::new(self.0).run(start, out);
        let gone = |()| Err(SourceError::Connect { address: "db:1".into(), reason: "refused".into() });
        ended.map(move |ended| ended.and_then(gone)).boxed()
    }
}

/// All was delivered and saved: whoever starts it again has nothing to repeat, and is not told so.
#[tokio::test(start_paused = true)]
async fn a_database_that_goes_away_while_it_stops_makes_no_unclean_stop() {
    let world = Shared::default();
    let source = ScriptedSource { world: Arc::clone(&world), table: table(), rng: StdRng::seed_from_u64(0) };
    let parting = Connector { source: Box::new(Parting(source)), ..connector(&world, 1, false) };
    let telltale = Telltale::default();
    let stop = CancellationToken::new();
    let mut saved = telltale.saved.subscribe();
    let saves = async {
        saved.wait_for(Option::is_some).await.unwrap();
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(run(parting, &telltale, stop.clone()), saves);
    ended.unwrap();
    assert_eq!(world.lock().unwrap().broken, Vec::<String>::new());
}
