//! The sink that prints: one JSON object a line on standard output.
//!
//! It owns standard output: nothing else of the process may write there. A batch is written and flushed before its
//! delivery resolves, so nothing waits in a buffer while the stream is idle, and a slow reader holds back the source.
//! A reader that has gone will not come back: the daemon ends then ([`reader_gone`]).

use std::io::{ErrorKind, Write as _};
use std::sync::LazyLock;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::lines::Encodings;
use super::{Delivery, Message, Sink, SinkError};

/// Cancelled once a write found that nobody reads any more. There is one standard output, so there is one of these.
static READER_GONE: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);

/// Waits until a write finds that nobody reads standard output any more.
pub async fn reader_gone() {
    READER_GONE.cancelled().await;
}

/// Standard output. Several connectors may each have one: their batches do not mix within a line.
#[derive(Debug)]
pub struct Stdout {
    encodings: Encodings,
}

impl Stdout {
    /// `encodings`: what the connector's converters make.
    #[must_use]
    pub const fn new(encodings: Encodings) -> Self {
        Self { encodings }
    }
}

impl Sink for Stdout {
    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        let encodings = self.encodings;
        async move {
            // Standard output may be a pipe whose reader is slow: that must not hold up a thread of the runtime.
            let written = tokio::task::spawn_blocking(move || {
                let lines = encodings.lines(&messages);
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(&lines).and_then(|()| stdout.flush())
            });
            match written.await {
                Ok(Ok(())) => Ok(async { Ok(()) }.boxed()),
                Ok(Err(error)) => Err(closed(&error)),
                Err(stopped) => Err(closed(&std::io::Error::other(stopped))),
            }
        }
        .boxed()
    }
}

fn closed(error: &std::io::Error) -> SinkError {
    if error.kind() == ErrorKind::BrokenPipe {
        READER_GONE.cancel();
    }
    SinkError::Closed { sink: "standard output".to_owned(), reason: error.to_string() }
}
