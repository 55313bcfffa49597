//! Whether the brokers answer, asked now and then for the daemon's readiness: connectors that have nothing to send would not
//! find out.

use std::time::Duration;

use tokio::sync::watch;

use super::config::KafkaConfig;
use super::oauth::Token;
use super::topics::{Quiet, blocking, client};
use rdkafka::admin::AdminClient;
use rdkafka::error::KafkaError;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(5);

/// A name that no topic can have: the answer is short, and nothing is created.
const TOPIC: &str = "rowtide probe";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// How often one client asks. What librdkafka would tell it waits in a queue that nobody reads, so none is kept for ever; and
/// one that got no answer, which is told the most, is given up at once.
const ASKS_MAX: u32 = 720;

/// What the brokers said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Brokers {
    /// There are none: the sink is another one.
    #[default]
    None,
    /// They were not asked yet.
    Unknown,
    /// One of them answers.
    Answer,
    /// None of them answers.
    Silent(String),
}

/// Asks the brokers for as long as somebody listens; tells only what is news.
pub async fn watch(config: KafkaConfig, told: watch::Sender<Brokers>) {
    let admin = config.admin();
    let mut asked: Option<(AdminClient<Quiet>, Option<Token>, u32)> = None;
    while !told.is_closed() {
        let (held, settings) = (asked.take(), admin.clone());
        let answer = blocking(move || {
            let token = settings.token()?;
            let same = |before: &Option<Token>| match (before, &token) {
                (Some(before), Some(token)) => before.is(token),
                (before, token) => before.is_none() && token.is_none(),
            };
            let held = held.filter(|(_, before, asks)| same(before) && *asks < ASKS_MAX);
            let held = held.map(|(client, _, asks)| (client, asks));
            let (client, asks) = held.map_or_else(|| client(&settings).map(|client| (client, 0)), Ok)?;
            let brokers = client.inner().fetch_metadata(Some(TOPIC), PATIENCE).map(drop);
            let kept = brokers.is_ok().then_some((client, token, asks + 1));
            Ok::<_, KafkaError>((kept, brokers))
        });
        let now = match answer.await {
            Ok(Ok((client, brokers))) => {
                asked = client;
                brokers.map_or_else(|error| Brokers::Silent(error.to_string()), |()| Brokers::Answer)
            }
            Ok(Err(error)) => Brokers::Silent(error.to_string()),
            Err(stopped) => Brokers::Silent(stopped.to_string()),
        };
        told.send_if_modified(|before| {
            let is_news = *before != now;
            if is_news {
                *before = now;
            }
            is_news
        });
        tokio::time::sleep(PAUSE).await;
    }
}
