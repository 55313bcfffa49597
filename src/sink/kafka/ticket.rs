//! What a `write` leaves behind until librdkafka has delivered it: a ticket, and the room its messages take.
//!
//! Invariants: a ticket resolves once, when the last of its messages has been reported; room is given back only then, so
//! what librdkafka holds is bounded by [`Room`], and librdkafka's own queue never is the limit. (Its `QueueFull` would say
//! too little: it frees a message only after the callback that reports it, so one cannot wait for that without polling.)

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, oneshot};

use super::super::Message;
use crate::metrics::Meters;

/// What librdkafka keeps of a message beside its bytes: the message, its place in a request, the copy that is sent, and
/// its headers (measured: 300 to 500 bytes).
const MESSAGE_BYTES: usize = 400;

/// What a header takes beside its bytes.
const HEADER_BYTES: usize = 48;

/// What some messages take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    bytes: usize,
    messages: usize,
}

impl Load {
    pub(super) fn of(messages: &[Message]) -> Self {
        Self { bytes: messages.iter().map(message_bytes).sum(), messages: messages.len() }
    }
}

fn message_bytes(message: &Message) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let headers = message.headers.iter().map(|(name, value)| HEADER_BYTES + name.len() + length(value));
    MESSAGE_BYTES + length(&message.key) + length(&message.value) + headers.sum::<usize>()
}

/// The room for messages between `write` and delivery. It has one taker, the sink; anybody gives back.
#[derive(Debug)]
pub(super) struct Room {
    bytes_max: usize,
    messages_max: usize,
    bytes: AtomicUsize,
    messages: AtomicUsize,
    freed: Notify,
    meters: OnceLock<Arc<Meters>>,
}

impl Room {
    pub(super) fn new(bytes_max: usize, messages_max: usize) -> Arc<Self> {
        let (bytes, messages) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { bytes_max, messages_max, bytes, messages, freed: Notify::new(), meters: OnceLock::new() })
    }

    /// Tells there too how much is taken, from now on.
    pub(super) fn observe(&self, meters: &Arc<Meters>) {
        drop(self.meters.set(Arc::clone(meters)));
    }

    fn tell(&self) {
        if let Some(meters) = self.meters.get() {
            meters.sink.holds(self.bytes.load(Ordering::Acquire));
        }
    }

    /// Waits until there is room for the load, and takes it. A load that is larger than the whole room waits until
    /// everything else is delivered.
    pub(super) async fn take(self: &Arc<Self>, load: Load) -> Taken {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // What is given back between the look and the wait must not be missed.
            freed.as_mut().enable();
            if self.has(load) {
                self.bytes.fetch_add(load.bytes, Ordering::AcqRel);
                self.messages.fetch_add(load.messages, Ordering::AcqRel);
                self.tell();
                return Taken { room: Arc::clone(self), load };
            }
            freed.await;
        }
    }

    fn has(&self, load: Load) -> bool {
        let (bytes, messages) = (self.bytes.load(Ordering::Acquire), self.messages.load(Ordering::Acquire));
        messages == 0 || (bytes + load.bytes <= self.bytes_max && messages + load.messages <= self.messages_max)
    }
}

/// Room that was taken; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Taken {
    room: Arc<Room>,
    load: Load,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.bytes.fetch_sub(self.load.bytes, Ordering::AcqRel);
        self.room.messages.fetch_sub(self.load.messages, Ordering::AcqRel);
        self.room.tell();
        self.room.freed.notify_waiters();
    }
}

/// What all messages of one `write` carry through librdkafka. The last one that drops it resolves the delivery.
#[derive(Debug)]
pub(super) struct Ticket {
    /// Whether librdkafka has all of the messages; otherwise the ticket must not say that they are delivered.
    handed_over: AtomicBool,
    failed: AtomicBool,
    delivered: Option<oneshot::Sender<()>>,
    /// Declared last: the delivery resolves before its room is given back.
    _room: Taken,
}

impl Ticket {
    /// A ticket, and what hears of it: a value when all was delivered, closed without one when something failed.
    pub(super) fn new(room: Taken) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (delivered, hears) = oneshot::channel();
        let ticket = Self {
            handed_over: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            delivered: Some(delivered),
            _room: room,
        };
        (Arc::new(ticket), hears)
    }

    /// librdkafka has all of its messages.
    pub(super) fn handed_over(&self) {
        self.handed_over.store(true, Ordering::Release);
    }

    /// One of its messages was not delivered.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if *self.handed_over.get_mut()
            && !*self.failed.get_mut()
            && let Some(delivered) = self.delivered.take()
        {
            // Nobody may wait any more: the connector was stopped.
            let _ = delivered.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn load(bytes: usize, messages: usize) -> Load {
        Load { bytes, messages }
    }

    #[tokio::test]
    async fn a_ticket_resolves_with_its_last_message() {
        let room = Room::new(100, 10);
        let (ticket, mut hears) = Ticket::new(room.take(load(50, 2)).await);
        let second = Arc::clone(&ticket);
        ticket.handed_over();
        drop(ticket);
        assert!(hears.try_recv().is_err());
        assert_eq!(room.bytes.load(Ordering::Acquire), 50);
        drop(second);
        assert_eq!(hears.try_recv(), Ok(()));
        assert_eq!(room.bytes.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn a_ticket_with_a_failed_message_resolves_without_a_value() {
        let room = Room::new(100, 10);
        let (ticket, hears) = Ticket::new(room.take(load(50, 2)).await);
        ticket.handed_over();
        ticket.fail();
        drop(ticket);
        assert!(hears.await.is_err());
        assert_eq!(room.bytes.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn a_ticket_that_was_not_handed_over_is_not_delivered() {
        let (ticket, hears) = Ticket::new(Room::new(100, 10).take(load(50, 2)).await);
        drop(ticket);
        assert!(hears.await.is_err());
    }

    #[tokio::test]
    async fn room_is_bounded_in_bytes_and_messages_and_lets_one_giant_through() {
        let room = Room::new(100, 10);
        let giant = room.take(load(1000, 50)).await;
        assert!(room.take(load(1, 1)).now_or_never().is_none());
        drop(giant);
        let half = room.take(load(60, 1)).await;
        assert!(room.take(load(41, 1)).now_or_never().is_none(), "bytes");
        assert!(room.take(load(1, 10)).now_or_never().is_none(), "messages");
        let rest = room.take(load(40, 9)).await;
        drop((half, rest));
        assert!(room.take(load(1000, 1)).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_waits_for_room_wakes_when_it_is_given_back() {
        let room = Room::new(100, 10);
        let mut taken = room.take(load(100, 1)).await;
        for _ in 0..1000 {
            let waiter = tokio::spawn({
                let room = Arc::clone(&room);
                async move { room.take(load(100, 1)).await }
            });
            let giver = std::thread::spawn(move || drop(taken));
            taken = tokio::time::timeout(std::time::Duration::from_secs(120), waiter).await.unwrap().unwrap();
            giver.join().unwrap();
        }
    }
}
