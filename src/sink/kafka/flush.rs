//! librdkafka's own `flush`, which the binding does not offer: its `Producer::flush` asks for no time at all, and then polls.
//!
//! It owns one of the two calls of a foreign function in this crate.

use std::time::Duration;

use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaRespErr;

use super::Producer;

/// Lets librdkafka send all that it has at once, and waits until every message is reported, or the time is over. Whether
/// all are. (`rd_kafka_flush`: while it runs, no message lingers.)
#[expect(
    unsafe_code,
    reason = "the binding's flush returns before the brokers' threads have seen it, so nothing is sent"
)]
pub(super) fn flush(producer: &Producer, patience: Duration) -> bool {
    let client = producer.client().native_ptr();
    let patience_ms = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `client` is valid while `producer` lives, which is borrowed here; the function may be called from any thread,
    // beside the one that polls.
    let answer = unsafe { rdkafka::bindings::rd_kafka_flush(client, patience_ms) };
    answer == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}
