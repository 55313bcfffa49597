//! Spans of batches, as a collector gets them, held against the topic; and the line without a collector.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::Instant;

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;

use crate::support::certificates::Certificates;
use crate::support::collector::{Collector, attributes};
use crate::support::daemon::{Daemon, Setup};
use crate::support::database::{Database, Session};
use crate::support::reader::Reader;
use crate::support::rest::nobody;
use crate::support::{seconds, server, tunnel, wait_for, wait_until};

const SECRET: &str = "XyzzyPloverPlugh-otlp";

/// Milliseconds that a request to the collector may take: longer than any test.
const PATIENT: &str = "600000";

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn with_name<'a>(spans: &'a [Span], name: &'a str) -> impl Iterator<Item = &'a Span> {
    spans.iter().filter(move |span| span.name == name)
}

/// The sum of an attribute of these spans.
fn sum<'a>(spans: impl Iterator<Item = &'a Span>, name: &str) -> usize {
    spans.map(|span| attributes(&span.attributes)[name].parse::<usize>().unwrap()).sum()
}

/// Waits until the collector has the spans of all messages that the topics hold, and of their batches, which end last. What
/// ends only with the stop has two seconds to the collector, which is no promise that it gets there.
fn collected(collector: &Collector, reader: &mut Reader) -> Vec<Span> {
    let messages = reader.read().len();
    wait_for("the collector has the spans of all messages", seconds(60), || {
        let spans = collector.spans();
        let sends: Vec<&Span> = spans.iter().filter(|span| span.name.starts_with("send")).collect();
        let has_ended = |send: &&Span| with_name(&spans, "batch").any(|batch| batch.span_id == send.parent_span_id);
        let is_whole = sends.iter().all(has_ended);
        let told = sum(sends.into_iter(), "messaging.batch.message_count");
        assert!(told <= messages, "the spans tell of {told} messages, the topics hold {messages}");
        (is_whole && told == messages).then_some(spans)
    })
}

/// Every batch is whole: its phases lie within it, and its position is saved.
fn batches_are_whole(spans: &[Span]) {
    for batch in with_name(spans, "batch") {
        assert!(batch.events.iter().any(|event| event.name == "saved"), "{batch:?}");
        assert!(batch.status.as_ref().is_none_or(|status| status.code == 0), "{batch:?}");
        let below: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == batch.span_id).collect();
        let names: BTreeSet<&str> = below.iter().map(|span| span.name.split(' ').next().unwrap()).collect();
        assert_eq!(names, BTreeSet::from(["send", "transform"]), "{below:?}");
        assert!(below.len() == 2 && below.iter().all(|span| span.trace_id == batch.trace_id));
        for phase in below {
            let within = batch.start_time_unix_nano <= phase.start_time_unix_nano
                && phase.end_time_unix_nano <= batch.end_time_unix_nano;
            assert!(within, "{phase:?} is not within {batch:?}");
        }
    }
}

fn trace(transaction: usize) -> String {
    format!("4bf92f3577b34da6a3ce929d0e0e{transaction:04x}")
}

/// Transactions of twenty events each, each with a trace of its own.
fn write(session: &mut Session, transactions: std::ops::Range<usize>) {
    for transaction in transactions {
        session.execute("BEGIN");
        for event in 0..20 {
            let trace = trace(transaction);
            session.execute(&format!(
                "INSERT INTO outbox VALUES ('{transaction}-{event}', 'Order', '{event}', 'OrderCreated', '{{}}', \
                 'traceparent=00-{trace}-00f067aa0ba902b7-01')"
            ));
        }
        session.execute("COMMIT");
    }
}

#[test]
fn batches_have_spans_with_links_to_the_traces_of_their_records() {
    let database = Database::create(server::postgres(), "spans_outbox");
    let mut session = database.session();
    session.execute(
        "CREATE TABLE outbox (id varchar(40) PRIMARY KEY, aggregatetype varchar(40) NOT NULL, \
         aggregateid varchar(40) NOT NULL, type varchar(40) NOT NULL, payload jsonb, tracingspancontext varchar(200))",
    );
    let connector = database.connector(&json!({
        "transforms": "outbox",
        "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.outbox.route.topic.replacement": "spans_outbox.events",
    }));
    let (broker, collector) = (server::kafka(), Collector::start());
    let setup = Setup::new()
        .connector(&connector)
        .set("bootstrap.servers", &broker.address())
        .set("log.level", "trace")
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint(collector.port))
        .variable("OTEL_EXPORTER_OTLP_HEADERS", &format!("authorization=Bearer%20{SECRET}"))
        .variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .variable("OTEL_EXPORTER_OTLP_TIMEOUT", PATIENT)
        .variable("OTEL_BSP_SCHEDULE_DELAY", "200");
    let daemon = setup.start();
    daemon.says("streaming", seconds(60));
    let mut reader = Reader::new(broker, "spans_outbox.events");
    // In two goes, so that there are several batches however fast it is.
    for (transactions, records) in [(0..5, 100), (5..10, 200)] {
        write(&mut session, transactions);
        reader.read_until(&daemon, "the events are there", seconds(60), |all| all.len() == records);
    }
    let spans = collected(&collector, &mut reader);
    let log = daemon.log();
    assert!(!log.contains("spans were lost"), "{log}");
    batches_are_whole(&spans);
    let batches: Vec<&Span> = with_name(&spans, "batch").collect();
    assert!(batches.len() >= 2, "{batches:?}");
    assert_eq!(sum(batches.iter().copied(), "rowtide.events"), 200);
    let topic = "send spans_outbox.events";
    assert_eq!(sum(with_name(&spans, topic), "messaging.batch.message_count"), 200);
    let of_links = |batch: &&Span| batch.links.iter().map(|link| hex(&link.trace_id)).collect::<Vec<_>>();
    let linked: BTreeSet<String> = batches.iter().flat_map(of_links).collect();
    assert_eq!(linked, (0..10).map(trace).collect());
    what_is_said_of_them(&collector, batches[0], with_name(&spans, topic).next().unwrap());

    // What ends with the stop is sent, or told to be lost.
    write(&mut session, 10..11);
    reader.read_until(&daemon, "the last events are there", seconds(60), |all| all.len() == 220);
    daemon.stop(seconds(30));
    let (log, events) = (daemon.log(), sum(with_name(&collector.spans(), "batch"), "rowtide.events"));
    assert!(events == 220 || log.contains("spans were lost until the stop"), "{events}: {log}");
    assert!(!log.contains(SECRET), "{log}");
}

fn what_is_said_of_them(collector: &Collector, batch: &Span, send: &Span) {
    let resource = collector.resource();
    let of_resource = |name: &str| resource.get(name).map(String::as_str);
    assert_eq!(of_resource("service.name"), Some("rowtide"));
    assert_eq!(of_resource("deployment.environment.name"), Some("test"));
    let requests = collector.requests.lock().unwrap();
    assert!(requests.iter().all(|request| request.headers["authorization"] == format!("Bearer {SECRET}")));
    let of_batch = attributes(&batch.attributes);
    assert_eq!(of_batch["rowtide.connector"], "spans_outbox");
    assert_eq!(of_batch["db.system.name"], "postgresql");
    assert_eq!(of_batch["messaging.destination.name"], "spans_outbox.events");
    let lsn = of_batch["rowtide.position"].strip_prefix("lsn=").and_then(|lsn| lsn.parse::<u64>().ok());
    assert!(lsn.is_some_and(|lsn| lsn > 0), "{of_batch:?}");
    assert!(of_batch["rowtide.log.bytes"].parse::<u64>().unwrap() > 0);
    let of_send = attributes(&send.attributes);
    assert_eq!((of_send["messaging.system"].as_str(), of_send["messaging.operation.type"].as_str()), ("kafka", "send"));
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A snapshot and a stream of MySQL, as JSON that is compressed, over TLS with a certificate of our own; some records are of
/// no event of their own.
#[test]
fn messages_of_the_spans_are_those_of_the_topic() {
    let database = Database::create(server::mysql80(), "spans_my");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(20))");
    session.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    let (broker, collector, certificates) = (server::kafka(), Collector::start(), Certificates::new());
    let port = tunnel::to(&certificates, collector.port);
    let setup = Setup::new()
        .connector(&database.connector(&json!({})))
        .set("bootstrap.servers", &broker.address())
        .variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("https://127.0.0.1:{port}/v1/traces"))
        .variable("OTEL_EXPORTER_OTLP_CERTIFICATE", &certificates.path("ca.crt"))
        .variable("OTEL_EXPORTER_OTLP_CLIENT_KEY", &certificates.path("client.key"))
        .variable("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &certificates.path("client.crt"))
        .variable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
        .variable("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .variable("OTEL_EXPORTER_OTLP_TIMEOUT", PATIENT)
        .variable("OTEL_BSP_SCHEDULE_DELAY", "200")
        .variable("OTEL_SERVICE_NAME", "shop-cdc");
    let daemon = setup.start();
    daemon.says("streaming", seconds(60));
    for statement in
        ["INSERT INTO t VALUES (4, 'XyzzyRow'), (5, 'e')", "UPDATE t SET id = 9 WHERE id = 1", "DELETE FROM t"]
    {
        session.execute(statement);
    }
    // Three read, two new, a changed key (a delete, a tombstone, a create), and five that are deleted, each with a tombstone.
    let mut reader = Reader::new(broker, "spans_my.");
    let of_table = |records: &[crate::support::reader::Record]| {
        records.iter().filter(|record| record.topic == "spans_my.spans_my.t").count()
    };
    reader.read_until(&daemon, "all changes are there", seconds(60), |records| of_table(records) == 18);
    let spans = collected(&collector, &mut reader);
    daemon.stop(seconds(30));
    batches_are_whole(&spans);
    assert!(!format!("{spans:?}").contains("XyzzyRow"), "no value of a row is in a span");
    assert_eq!(collector.resource()["service.name"], "shop-cdc");
    let places: BTreeMap<String, String> =
        with_name(&spans, "batch").last().map(|batch| attributes(&batch.attributes)).unwrap();
    assert!(places["rowtide.position"].contains("file=") && places["rowtide.position"].contains(" pos="), "{places:?}");
    assert_eq!(places["db.system.name"], "mysql");
}

/// Rows go on to Kafka, and the stop is clean and does not wait for the collector.
fn the_line_goes_on(name: &str, port: u16, queue: &str, says: &str) -> Daemon {
    let database = Database::create(server::postgres(), name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (-1)");
    let broker = server::kafka();
    let setup = Setup::new()
        .connector(&database.connector(&json!({})))
        .set("bootstrap.servers", &broker.address())
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint(port))
        // A stop that waited for an answer would take as long.
        .variable("OTEL_EXPORTER_OTLP_TIMEOUT", PATIENT)
        .variable("OTEL_BSP_SCHEDULE_DELAY", "100")
        .variable("OTEL_BSP_MAX_QUEUE_SIZE", queue);
    let daemon = setup.start();
    // The broker answers when the snapshot is there; then most rows are batches of their own.
    let mut reader = Reader::new(broker, &format!("{name}."));
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| records.len() == 1);
    let mut rows = 1;
    wait_until(&format!("the daemon says {says:?}"), seconds(60), || {
        session.execute(&format!("INSERT INTO t VALUES ({rows})"));
        rows += 1;
        daemon.log().contains(says)
    });
    reader.read_until(&daemon, "all rows are there", seconds(60), |records| records.len() == rows);
    daemon.stop(seconds(30));
    daemon
}

#[test]
fn a_collector_that_is_not_there_holds_up_nothing() {
    let (_nobody, port) = nobody();
    let begun = Instant::now();
    let log = the_line_goes_on("spans_away", port, "2048", "the collector did not take them").log();
    // Many requests fail meanwhile, of which a line a minute tells; one more is the stop's.
    let told: Vec<&str> = log.lines().filter(|line| line.contains("spans were lost")).collect();
    let minutes = usize::try_from(begun.elapsed().as_secs() / 60).unwrap();
    assert!((1..=2 + minutes).contains(&told.len()), "{log}");
    assert!(told[0].contains("Connection refused"), "{log}");
}

#[test]
fn a_collector_that_does_not_answer_holds_up_nothing() {
    // Connections are made by the kernel, and nobody takes them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = the_line_goes_on("spans_silent", port, "20", "more wait than OTEL_BSP_MAX_QUEUE_SIZE allows").log();
    assert!(log.contains("spans were lost until the stop"), "{log}");
}

#[test]
fn a_wrong_protocol_is_refused_at_the_start() {
    let setup = Setup::new()
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let (status, log) = setup.run(seconds(10));
    assert_eq!(status.code(), Some(2));
    assert!(log.contains("OTEL_EXPORTER_OTLP_PROTOCOL=\"grpc\": is not supported"), "{log}");
}
