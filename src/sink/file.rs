//! The sink that appends to a file: one JSON object a line.
//!
//! Invariants: a delivery resolves only when its lines are on the disk; lines are whole: what a crash left of a line that
//! was never acknowledged is cut off when the file is opened again.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::lines::Encodings;
use super::{Delivery, Message, Sink, SinkError};

/// A file, by its path. Several connectors may append to the same one: their batches do not mix within a line.
#[derive(Debug)]
pub struct AppendFile {
    encodings: Encodings,
    appended: Arc<Appended>,
}

#[derive(Debug)]
struct Appended {
    path: PathBuf,
    file: File,
    /// How many batches were written since the file was opened.
    written: AtomicU64,
    /// How many of them are on the disk.
    synced: Mutex<u64>,
}

impl AppendFile {
    /// Opens the file, or creates it. `encodings`: what the connector's converters make.
    ///
    /// # Errors
    /// The file cannot be opened for writing.
    pub fn open(path: &Path, encodings: Encodings) -> Result<Self, SinkError> {
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            cut_torn_line(&mut file)?;
            Ok(file)
        };
        let file = open().map_err(|error| SinkError::Configuration {
            sink: format!("file {}", path.display()),
            reason: format!("{error}; set sink.path to a file that can be written"),
        })?;
        let path = path.to_owned();
        let appended = Appended { path, file, written: AtomicU64::new(0), synced: Mutex::new(0) };
        Ok(Self { encodings, appended: Arc::new(appended) })
    }
}

impl Sink for AppendFile {
    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        let encodings = self.encodings;
        let appended = Arc::clone(&self.appended);
        async move {
            let after = Arc::clone(&appended);
            let batch = blocking(&appended, move |appended| appended.append(&encodings.lines(&messages))).await?;
            Ok(async move { blocking(&after, move |appended| appended.sync(batch)).await }.boxed())
        }
        .boxed()
    }
}

impl Appended {
    /// Writes whole lines in one call; gives the number of the batch.
    fn append(&self, lines: &[u8]) -> std::io::Result<u64> {
        (&self.file).write_all(lines)?;
        Ok(self.written.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Returns when this batch is on the disk. One call brings all batches there that were written before it.
    fn sync(&self, batch: u64) -> std::io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced < batch {
            let written = self.written.load(Ordering::Acquire);
            self.file.sync_data()?;
            *synced = written;
        }
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    appended: &Arc<Appended>,
    work: impl FnOnce(&Appended) -> std::io::Result<T> + Send + 'static,
) -> Result<T, SinkError> {
    let shared = Arc::clone(appended);
    let done =
        tokio::task::spawn_blocking(move || work(&shared)).await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
    done.map_err(|error| SinkError::Unavailable {
        sink: format!("file {}", appended.path.display()),
        reason: error.to_string(),
    })
}

/// Cuts off the bytes behind the last line feed.
fn cut_torn_line(file: &mut File) -> std::io::Result<()> {
    const BLOCK: u64 = 64 * 1024;
    let length = file.metadata()?.len();
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        (&*file).take(end - start).read_to_end(&mut block)?;
        if let Some(feed) = block.iter().rposition(|byte| *byte == b'\n') {
            end = start + feed as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length { file.set_len(end) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::lines::Encoding;
    use super::*;
    use crate::record::Headers;

    const JSON: Encodings = Encodings { key: Encoding::Json, value: Encoding::Json, header: Encoding::Json };

    fn message(value: String) -> Message {
        let value = Some(Bytes::from(value));
        Message {
            topic: Arc::from("t"),
            partition: None,
            key: None,
            value,
            headers: Headers::default(),
            ts_ms: Some(0),
            offset: None,
        }
    }

    #[tokio::test]
    async fn batches_are_appended_in_order_and_a_second_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        for run in 0..2 {
            let mut sink = AppendFile::open(&path, JSON).unwrap();
            let mut deliveries = Vec::new();
            for batch in 0..10 {
                let number = run * 10 + batch;
                deliveries.push(sink.write(vec![message(number.to_string())]).await.unwrap());
            }
            futures::future::try_join_all(deliveries).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let values: Vec<i64> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["value"].as_i64().unwrap())
            .collect();
        assert_eq!(values, (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_torn_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        for (before, after) in [("{\"whole\":1}\n{\"torn", "{\"whole\":1}\n"), ("torn", ""), ("{}\n", "{}\n"), ("", "")]
            .map(|(before, after)| {
                (
                    format!("{before}{}", if before.contains("torn") { "x".repeat(100_000) } else { String::new() }),
                    after,
                )
            })
        {
            std::fs::write(&path, before).unwrap();
            AppendFile::open(&path, JSON).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = AppendFile::open(folder.path(), JSON).unwrap_err().to_string();
        assert!(error.contains("sink.path"), "{error}");
    }
}
