use std::sync::Mutex;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::connector::pipeline::Pipeline;
use crate::convert::{Converters, JsonReader};
use crate::data::{Field, Kind, Schema};
use crate::event::{DeadLetter, Ready};
use crate::record::{Records, Run};
use crate::sink::Delivery;
use crate::sink::kafka::reader::Kept;
use crate::transform::{Transform, TransformError};
use kept::Letter;

/// Refuses records whose text is "poison", and leaves its mark on the others.
struct Picky;

impl Transform for Picky {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        record.topic = "elsewhere".into();
        let Some(value) = record.value.take() else { return Ok(Some(record)) };
        if text(&value) == Some("poison") {
            let reason = "it is poison".to_owned();
            return Err(TransformError::Unsuitable { transform: "picky".into(), topic: record.topic, reason });
        }
        record.value = Some(value);
        Ok(Some(record))
    }
}

fn text(datum: &Datum) -> Option<&str> {
    datum.value.as_struct()?.first()?.as_str()
}

/// A sink that only says what topics take.
#[derive(Default)]
struct Limits {
    of: HashMap<&'static str, usize>,
    asked: Mutex<Vec<String>>,
}

impl Sink for Limits {
    fn admit<'a>(&'a mut self, topic: &'a Arc<str>) -> BoxFuture<'a, Result<Limit, SinkError>> {
        self.asked.lock().unwrap().push(topic.to_string());
        let limit = if topic.contains(' ') {
            Err(SinkError::InvalidTopic { topic: topic.to_string() })
        } else {
            Ok(Limit { client: None, topic: self.of.get(&**topic).copied() })
        };
        std::future::ready(limit).boxed()
    }

    fn write(&mut self, _: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        unreachable!("nothing is written here")
    }
}

fn properties(text: &str) -> Properties {
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

const DLQ: &str = "errors.tolerance=all errors.deadletterqueue.topic.name=dlq";

fn pipeline(keys: &str, transforms: Vec<Box<dyn Transform>>) -> Pipeline {
    let run = Run {
        prefix: "p".into(),
        connector: "test",
        tombstones: true,
        context_headers: false,
        heartbeat_topic: "h".into(),
        transaction_topic: "x".into(),
    };
    let plain = properties(&format!("key.converter.schemas.enable=false value.converter.schemas.enable=false {keys}"));
    let converters = Converters::configured(&plain, &plain).unwrap();
    let classes = Classes::named(&properties("transforms=picky transforms.picky.type=org.example.Picky"), &plain);
    let failing = Failing::new(Config::read(&plain).unwrap(), "shop", classes);
    Pipeline::new(Records::new(run), transforms, converters).failing(failing)
}

fn schema() -> Arc<Schema> {
    let fields = vec![Field::new("word", Schema::of(Kind::Text)), Field::new("n", Schema::of(Kind::Int32).optional())];
    Arc::new(Schema::structure("row", fields))
}

fn ready(topic: &str, word: &str) -> Ready {
    let row = |word: &str| Value::Struct([Value::text(word), Value::Null].into());
    let datum = |word: &str| Some(Datum { schema: schema(), value: row(word) });
    Ready {
        topic: topic.into(),
        partition: Some(2),
        key: datum("key"),
        value: datum(word),
        context_headers: false,
        offset: None,
    }
}

fn event(word: &str) -> Event {
    Event::Ready(Box::new(ready("t", word)))
}

struct World {
    pipeline: Pipeline,
    sink: Limits,
    counts: Counts,
}

impl World {
    fn new(keys: &str, transforms: Vec<Box<dyn Transform>>) -> Self {
        Self { pipeline: pipeline(keys, transforms), sink: Limits::default(), counts: Counts::default() }
    }

    fn picky(keys: &str) -> Self {
        Self::new(keys, vec![Box::new(Picky)])
    }

    fn send(&mut self, events: Vec<Event>) -> Result<Vec<Message>, ConnectorError> {
        let position = Position(r#"{"lsn":9}"#.into());
        let around = Surroundings { sink: &mut self.sink, counts: &self.counts, position: &position };
        let made = self.pipeline.messages(events, around).now_or_never().expect("nothing waits");
        made.map(|made| made.messages)
    }
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let mut headers = message.headers.iter();
    let (_, value) = headers.find(|(header, _)| &**header == name)?;
    std::str::from_utf8(value.as_deref()?).ok()
}

fn topics(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| &*message.topic).collect()
}

/// As a reader of the topic gets it.
fn kept(message: &Message) -> Kept {
    let headers = message.headers.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    Kept { partition: 0, offset: 0, key: message.key.clone(), value: message.value.clone(), headers }
}

fn again(message: &Message) -> Result<DeadLetter, String> {
    Letter::of(kept(message), "shop").expect("a dead letter of ours").event(&mut JsonReader::default())
}

#[test]
fn a_poison_record_ends_the_run_or_makes_room_for_its_dead_letter() {
    let events = || vec![event("a"), event("poison"), event("b")];
    let error = World::picky("").send(events()).unwrap_err();
    assert!(matches!(error, ConnectorError::Transform(_)), "{error}");
    let mut dropping = World::picky("errors.tolerance=all");
    assert_eq!(topics(&dropping.send(events()).unwrap()), ["elsewhere", "elsewhere"]);
    assert_eq!((dropping.counts.dropped.get(), dropping.counts.dead_letters.get()), (1, 0));
    let mut keeping = World::picky(DLQ);
    let messages = keeping.send(events()).unwrap();
    assert_eq!(topics(&messages), ["elsewhere", "dlq", "elsewhere"]);
    assert_eq!((keeping.counts.dropped.get(), keeping.counts.dead_letters.get()), (0, 1));
    let letter = &messages[1];
    for (name, expected) in [
        ("x-connector", "shop"),
        ("x-retry-count", "0"),
        ("x-reason", "transform picky: topic elsewhere: it is poison"),
        ("x-stage", "TRANSFORMATION"),
        ("x-source-position", r#"{"lsn":9}"#),
        ("x-primary-key", r#"{"word":"key","n":null}"#),
        ("x-original-topic", "t"),
        ("x-original-partition", "2"),
    ] {
        assert_eq!(header(letter, name), Some(expected), "{name}");
    }
    assert!(header(letter, "x-failed-at").unwrap().parse::<jiff::Timestamp>().is_ok());
    assert_eq!(header(letter, "__connect.errors.stage"), None, "not asked for");
    let value = std::str::from_utf8(letter.value.as_ref().unwrap()).unwrap();
    assert!(
        value.starts_with(r#"{"schema":"#) && value.ends_with(r#""payload":{"word":"poison","n":null}}"#),
        "{value}"
    );
}

#[test]
fn connects_headers_are_there_when_asked_for() {
    let mut world = World::picky(&format!("{DLQ} errors.deadletterqueue.context.headers.enable=true"));
    let messages = world.send(vec![event("poison")]).unwrap();
    for (name, expected) in [
        ("topic", "t"),
        ("partition", "2"),
        ("connector.name", "shop"),
        ("task.id", "0"),
        ("stage", "TRANSFORMATION"),
        ("class.name", "org.example.Picky"),
        ("exception.class.name", "org.apache.kafka.connect.errors.DataException"),
        ("exception.message", "transform picky: topic elsewhere: it is poison"),
    ] {
        assert_eq!(header(&messages[0], &format!("__connect.errors.{name}")), Some(expected), "{name}");
    }
    assert!(header(&messages[0], "__connect.errors.exception.stacktrace").is_some());
}

#[test]
fn a_dead_letter_is_the_record_again_and_counts_its_failures() {
    let mut original = ready("t", "poison");
    original.offset = Some(r#"{"lsn":5}"#.into());
    let headers = vec![(Arc::from("x-reason"), ready("t", "h").value.unwrap())];
    let table = Some(Arc::from("public.t"));
    let letter = DeadLetter { record: original.clone(), headers: headers.clone(), retries: 3, table: table.clone() };
    let messages = World::picky(DLQ).send(vec![Event::DeadLetter(Box::new(letter))]).unwrap();
    let back = again(&messages[0]).unwrap();
    assert_eq!((back.retries, &back.table, &back.headers), (4, &table, &headers));
    assert_eq!((&back.record.key, &back.record.value), (&original.key, &original.value));
    assert_eq!((&*back.record.topic, back.record.partition), ("t", Some(2)));
    assert_eq!(back.record.offset.as_deref(), Some(r#"{"lsn":5}"#));
    // Sent again where nothing fails, it is the message that it would have been.
    let replayed = World::new("", Vec::new()).send(vec![Event::DeadLetter(Box::new(back))]).unwrap();
    let direct = World::new("", Vec::new()).send(vec![event("poison")]).unwrap();
    assert_eq!((&replayed[0].topic, &replayed[0].key), (&direct[0].topic, &direct[0].key));
    assert_eq!((&replayed[0].value, replayed[0].partition), (&direct[0].value, direct[0].partition));
    assert!(Letter::of(kept(&messages[0]), "other").is_none() && Letter::of(kept(&direct[0]), "shop").is_none());
}

#[test]
fn a_converter_refuses_the_record_as_it_was_before_the_transforms() {
    let bytes = "value.converter=org.apache.kafka.connect.converters.ByteArrayConverter";
    let mut world = World::picky(&format!("{DLQ} {bytes} errors.deadletterqueue.context.headers.enable=true"));
    let messages = world.send(vec![event("a")]).unwrap();
    assert_eq!(topics(&messages), ["dlq"]);
    let letter = &messages[0];
    assert_eq!((header(letter, "x-stage"), header(letter, "x-original-topic")), (Some("VALUE_CONVERTER"), Some("t")));
    let class = "org.apache.kafka.connect.converters.ByteArrayConverter";
    assert_eq!(header(letter, "__connect.errors.class.name"), Some(class));
    assert_eq!(again(letter).unwrap().record.value, ready("t", "a").value);
}

#[test]
fn a_value_that_does_not_fit_its_schema_is_told_to_be_missing() {
    let mut wrong = ready("t", "a");
    wrong.value = Some(Datum { schema: schema(), value: Value::Struct([Value::Int32(1)].into()) });
    let messages = World::new(DLQ, Vec::new()).send(vec![Event::Ready(Box::new(wrong))]).unwrap();
    assert_eq!((header(&messages[0], "x-omitted"), &messages[0].value), (Some("value"), &None));
    assert!(messages[0].key.is_some());
    assert!(again(&messages[0]).unwrap_err().contains("does not hold its value"));
}

#[test]
fn what_the_sink_would_refuse_is_known_before() {
    let large = || vec![event("a"), event(&"x".repeat(1000)), event("b")];
    let mut world = World::new(DLQ, Vec::new());
    world.sink.of = HashMap::from([("t", 500)]);
    let messages = world.send(large()).unwrap();
    assert_eq!(topics(&messages), ["t", "dlq", "t"]);
    assert_eq!(header(&messages[1], "x-stage"), Some("KAFKA_PRODUCE"));
    assert!(header(&messages[1], "x-reason").unwrap().contains("is larger than 500"));
    assert_eq!(*world.sink.asked.lock().unwrap(), ["dlq", "t"], "each topic is asked once");
    // Too large for the dead letter topic as well.
    let mut world = World::new(DLQ, Vec::new());
    world.sink.of = HashMap::from([("t", 500), ("dlq", 900)]);
    let messages = world.send(large()).unwrap();
    assert_eq!((header(&messages[1], "x-omitted"), &messages[1].value), (Some("value"), &None));
    assert!(messages[1].key.is_some());
    assert!(header(&messages[1], "x-value-bytes").unwrap().parse::<usize>().unwrap() > 1000);
    world.sink.of = HashMap::from([("t", 500), ("dlq", 600)]);
    let mut world = World { pipeline: pipeline(DLQ, Vec::new()), ..world };
    let messages = world.send(large()).unwrap();
    assert_eq!((header(&messages[1], "x-omitted"), &messages[1].key), (Some("value,key"), &None));
    let invalid = Event::Ready(Box::new(ready("a b", "x")));
    let messages = World::new(DLQ, Vec::new()).send(vec![invalid]).unwrap();
    assert!(header(&messages[0], "x-reason").unwrap().contains("no topic name"));
}

#[test]
fn nothing_is_asked_where_nothing_is_tolerated() {
    let mut world = World::new("", Vec::new());
    world.send(vec![event("a"), Event::Ready(Box::new(ready("a b", "x")))]).unwrap();
    assert_eq!(*world.sink.asked.lock().unwrap(), Vec::<String>::new());
    let _ = Bytes::new();
}
