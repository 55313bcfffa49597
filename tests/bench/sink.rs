//! What the Kafka sink costs by itself: `cargo bench --bench sink -- HOST:PORT [producer setting=value]...`
//!
//! One million messages of 600 bytes with four headers as fast as they go, and then 1,000 a second, in batches as a source
//! makes them. It prints messages per second, CPU seconds per million (all threads), peak memory, and the time from write to
//! acknowledgement.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{FuturesOrdered, StreamExt as _};
use rowtide::config::Properties;
use rowtide::record::Headers;
use rowtide::sink::kafka::{Kafka, KafkaConfig};
use rowtide::sink::{Message, MessageHeader, Sink as _};

const MESSAGES: usize = 1_000_000;
const BATCH: usize = 512;
/// As the pump has them.
const BATCHES_IN_FLIGHT: usize = 64;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    // Cargo adds --bench.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [servers, overrides @ ..] = arguments.as_slice() else { anyhow::bail!("give host:port of a broker") };
    let worker = Properties::from([("bootstrap.servers".to_owned(), servers.clone())]);
    let connector: Properties = overrides
        .iter()
        .filter_map(|setting| setting.split_once('='))
        .map(|(name, value)| (format!("producer.override.{name}"), value.to_owned()))
        .collect();
    let mut sink = Kafka::new(&KafkaConfig::read(&worker, &connector)?)?;
    let maker = Maker::new();
    // The topic and the connections.
    sink.write(maker.batch(0, 1)).await?.await?;
    flood(&mut sink, &maker).await?;
    trickle(&mut sink, &maker).await
}

async fn flood(sink: &mut Kafka, maker: &Maker) -> anyhow::Result<()> {
    let making = cpu_seconds();
    for number in 0..MESSAGES / BATCH {
        std::hint::black_box(maker.batch(number * BATCH, BATCH));
    }
    let making = cpu_seconds() - making;
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let mut in_flight = FuturesOrdered::new();
    for number in 0..MESSAGES / BATCH {
        while in_flight.len() >= BATCHES_IN_FLIGHT {
            in_flight.next().await.transpose()?;
        }
        in_flight.push_back(sink.write(maker.batch(number * BATCH, BATCH)).await?);
    }
    while let Some(delivered) = in_flight.next().await {
        delivered?;
    }
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu - making);
    let rate = MESSAGES as f64 / seconds;
    println!("flood: {rate:.0} messages/s, {cpu:.2} CPU s per million, peak {} MB", peak_kib() / 1024);
    Ok(())
}

/// 100 transactions of 10 rows a second.
async fn trickle(sink: &mut Kafka, maker: &Maker) -> anyhow::Result<()> {
    let cpu = cpu_seconds();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut waits = Vec::new();
    let mut in_flight = FuturesOrdered::new();
    for number in 0..1000 {
        tokio::select! {
            _ = ticks.tick() => {
                let begin = Instant::now();
                let delivery = sink.write(maker.batch(number * 10, 10)).await?;
                in_flight.push_back(async move { delivery.await.map(|()| begin.elapsed()) });
            }
            Some(wait) = in_flight.next() => waits.push(wait?),
        }
    }
    waits.sort();
    let percentile = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)].as_secs_f64() * 1000.0;
    let (p50, p99) = (percentile(50), percentile(99));
    println!("trickle: p50 {p50:.1} ms, p99 {p99:.1} ms, {:.2} CPU s per 10,000", cpu_seconds() - cpu);
    Ok(())
}

/// Makes batches of messages.
struct Maker {
    topic: Arc<str>,
    value: Bytes,
    headers: Arc<[MessageHeader]>,
}

impl Maker {
    fn new() -> Self {
        let header = |name: &str, value: &'static str| (Arc::from(name), Some(Bytes::from_static(value.as_bytes())));
        Self {
            topic: Arc::from("sink-bench"),
            value: Bytes::from(vec![b'x'; 600]),
            headers: Arc::from([
                header("__debezium.context.connectorLogicalName", "orders"),
                header("__debezium.context.taskId", "0"),
                header("__debezium.context.connectorName", "postgresql"),
                header("__debezium.context.runId", "019aa000-0000-7000-8000-000000000000"),
            ]),
        }
    }

    fn batch(&self, first: usize, count: usize) -> Vec<Message> {
        let headers = || Headers { first: Vec::new(), shared: Some(Arc::clone(&self.headers)), last: Vec::new() };
        (first..first + count)
            .map(|id| Message {
                topic: Arc::clone(&self.topic),
                partition: None,
                key: Some(Bytes::from(format!("{{\"id\":{id}}}"))),
                // Values are made, not shared, on a real line.
                value: Some(Bytes::copy_from_slice(&self.value)),
                headers: headers(),
                ts_ms: Some(1_700_000_000_000),
                offset: None,
            })
            .collect()
    }
}

/// User and system time of all threads, from `/proc` (its unit is a hundredth of a second).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
