//! Tokens for `OAUTHBEARER`, as an identity provider gives them: Kafka's `OAuthBearerLoginCallbackHandler` (KIP-768).
//!
//! It owns the tokens of the clients of one connector: one is asked for when it is needed, kept, and asked for again after
//! four fifths of its life. librdkafka is told of tokens and asks for none, because only a producer or consumer that is
//! polled could ask, and because its threads are not to wait for an identity provider. Invariant: no error and no log line
//! holds a token or a secret. Everything here blocks, but for [`keep`].

mod ask;
mod hand_over;
mod settings;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rdkafka::client::{Client, ClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

pub(super) use self::settings::{Oidc, is_handler, read};
use crate::config::Secret;

/// How long nobody is asked again after an error: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A token, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Token {
    value: Secret,
    principal: String,
    /// When it ends, milliseconds since 1970.
    ends_ms: i64,
    /// When a new one is asked for.
    renew: Instant,
    extensions: Arc<[(String, String)]>,
}

impl Token {
    fn is_fresh(&self) -> bool {
        Instant::now() < self.renew
    }

    fn is_good(&self) -> bool {
        now_ms() < self.ends_ms
    }

    /// Whether it is the same one.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.value.reveal() == other.value.reveal()
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoToken {
    reason: String,
    /// Whether asking again can help, without anybody who mends something.
    can_pass: bool,
}

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// The last answer of the identity provider.
#[derive(Default)]
struct Known {
    token: Option<Token>,
    refused: Option<Refused>,
}

struct Refused {
    error: NoToken,
    /// Nobody is asked before that.
    until: Instant,
    pause: Duration,
}

/// Where tokens come from.
pub(super) struct Tokens {
    oidc: Oidc,
    /// Held while somebody is asked; who comes meanwhile waits for the same answer.
    asking: Mutex<()>,
    /// Held for a moment only.
    known: Mutex<Known>,
}

impl Tokens {
    pub(super) fn new(oidc: Oidc) -> Arc<Self> {
        Arc::new(Self { oidc, asking: Mutex::default(), known: Mutex::default() })
    }

    /// Whether they are those that these settings would give.
    pub(super) fn are_of(&self, oidc: &Oidc) -> bool {
        self.oidc.is(oidc)
    }

    /// A token that has a fifth of its life before it, at least.
    fn fresh(&self) -> Result<Token, NoToken> {
        let _turn = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = self.remembered() {
            return answer;
        }
        let answer = ask::token(&self.oidc);
        let mut known = self.known();
        match &answer {
            Ok(token) => {
                tracing::debug!(endpoint = self.oidc.shown(), principal = token.principal, "got a token for Kafka");
                *known = Known { token: Some(token.clone()), refused: None };
            }
            Err(error) => {
                let pause = known.refused.as_ref().map_or(PAUSE.0, |before| (before.pause * 2).min(PAUSE.1));
                known.refused = Some(Refused { error: error.clone(), until: Instant::now() + pause, pause });
            }
        }
        answer
    }

    /// The last answer, as long as nobody is to be asked again.
    fn remembered(&self) -> Option<Result<Token, NoToken>> {
        let known = self.known();
        if let Some(token) = known.token.as_ref().filter(|token| token.is_fresh()) {
            return Some(Ok(token.clone()));
        }
        let refused = known.refused.as_ref().filter(|refused| Instant::now() < refused.until)?;
        Some(Err(refused.error.clone()))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that can be used: a fresh one, or if there is none, one that has not ended.
    fn good(&self) -> Result<Token, NoToken> {
        self.fresh().or_else(|error| self.last().ok_or(error))
    }

    /// The last token, while it has not ended.
    fn last(&self) -> Option<Token> {
        self.known().token.clone().filter(Token::is_good)
    }

    /// When it is worth asking again.
    fn next(&self) -> Instant {
        let known = self.known();
        let refused = known.refused.as_ref().map(|refused| refused.until);
        refused.or(known.token.as_ref().map(|token| token.renew)).unwrap_or_else(|| Instant::now() + PAUSE.0)
    }
}

/// What a client that connects needs: librdkafka's settings, and tokens if these come from somebody.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) settings: ClientConfig,
    pub(super) tokens: Option<Arc<Tokens>>,
}

impl Connection {
    /// A token for a client that is to be made, or has been used before.
    ///
    /// # Errors
    /// There is none, and why.
    pub(super) fn token(&self) -> Result<Option<Token>, KafkaError> {
        let token = self.tokens.as_ref().map(|tokens| tokens.good()).transpose();
        token.map_err(|error| KafkaError::ClientCreation(error.to_string()))
    }
}

/// Gives a client the token that it logs in with from now on.
///
/// # Errors
/// librdkafka does not take it.
pub(super) fn log_in<C: ClientContext>(client: &Client<C>, token: Option<&Token>) -> Result<(), KafkaError> {
    token.map_or(Ok(()), |token| hand_over::hand_over(client, token).map_err(KafkaError::ClientCreation))
}

/// What becomes of the tokens that are kept.
pub(super) enum News {
    /// A new one.
    Token(Token),
    /// There is none, and the last one goes on for a while, or asking again may help.
    Trouble(NoToken),
    /// There is none, and nobody will give one.
    End(NoToken),
}

/// Tells of each new token before the last one ends, for as long as somebody `hears` it.
pub(super) async fn keep(tokens: Arc<Tokens>, hears: impl Fn(News) -> bool) {
    let mut told: Option<Token> = None;
    let mut troubled = false;
    loop {
        let of = Arc::clone(&tokens);
        let Ok(got) = tokio::task::spawn_blocking(move || of.fresh()).await else { return };
        let goes_on = match got {
            Ok(token) => {
                if std::mem::take(&mut troubled) {
                    tracing::info!(endpoint = tokens.oidc.shown(), "there are tokens for Kafka again");
                }
                let is_news = !told.as_ref().is_some_and(|told| told.is(&token));
                told = Some(token.clone());
                !is_news || hears(News::Token(token))
            }
            Err(error) if error.can_pass || tokens.last().is_some() => {
                // Once for each trouble.
                if !std::mem::replace(&mut troubled, true) {
                    tracing::warn!("{error}; it is asked again");
                }
                hears(News::Trouble(error))
            }
            Err(error) => hears(News::End(error)),
        };
        if !goes_on {
            return;
        }
        tokio::time::sleep_until(tokens.next().into()).await;
    }
}

#[cfg(test)]
mod tests;
