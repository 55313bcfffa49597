//! Java's producer settings in librdkafka's terms.
//!
//! The names and meanings are those of `org.apache.kafka.clients.producer.ProducerConfig` and of librdkafka's
//! CONFIGURATION.md. A name that is not in the table is librdkafka's own, or unknown: librdkafka says which.

/// What becomes of a setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// librdkafka's, under this name and with this value.
    Client(&'static str, String),
    /// librdkafka's, as it is.
    Unchanged,
    /// Needs other settings to be understood: see [`super::security`] and [`super::config`].
    Together,
    /// It has no effect, because of this.
    Ignored(&'static str),
    /// It cannot be, because of this; with a remedy.
    Refused(String),
}

use Meaning::{Client, Ignored, Refused, Together, Unchanged};

/// What becomes of a producer's setting.
pub(super) fn meaning(name: &str, value: &str) -> Meaning {
    if value.is_empty() && name != "ssl.endpoint.identification.algorithm" {
        return Ignored("it is empty");
    }
    match name {
        // librdkafka knows some settings by two names; we know them by one, so that the last word wins.
        "metadata.broker.list" => same("bootstrap.servers", value),
        "queue.buffering.max.ms" => same("linger.ms", value),
        "message.timeout.ms" => same("delivery.timeout.ms", value),
        "compression.codec" => same("compression.type", value),
        "request.required.acks" => same("acks", value),
        "message.send.max.retries" => same("retries", value),
        "max.in.flight" => same("max.in.flight.requests.per.connection", value),
        "sasl.mechanisms" => same("sasl.mechanism", value),
        "buffer.memory" => number("queue.buffering.max.kbytes", value, |bytes| (bytes / 1024).max(1)),
        "max.request.size" => same("message.max.bytes", value),
        "batch.size" => number("batch.size", value, |bytes| bytes.max(1)),
        "send.buffer.bytes" => number("socket.send.buffer.bytes", value, |bytes| bytes.max(0)),
        "receive.buffer.bytes" => number("socket.receive.buffer.bytes", value, |bytes| bytes.max(0)),
        "connections.max.idle.ms" => number("connections.max.idle.ms", value, |ms| ms.max(0)),
        "retry.backoff.ms" => number("retry.backoff.ms", value, |ms| ms.max(1)),
        "retry.backoff.max.ms" => number("retry.backoff.max.ms", value, |ms| ms.max(1)),
        "metadata.max.age.ms" => number("topic.metadata.refresh.interval.ms", value, |ms| ms.min(3_600_000)),
        "security.protocol" => same("security.protocol", &value.to_ascii_lowercase()),
        "sasl.mechanism"
        | "sasl.jaas.config"
        | "sasl.login.callback.handler.class"
        | "sasl.login.connect.timeout.ms"
        | "sasl.login.read.timeout.ms"
        | "sasl.oauthbearer.token.endpoint.url"
        | "sasl.oauthbearer.client.credentials.client.id"
        | "sasl.oauthbearer.client.credentials.client.secret"
        | "sasl.oauthbearer.client.id"
        | "sasl.oauthbearer.client.secret"
        | "sasl.oauthbearer.scope"
        | "sasl.oauthbearer.extensions"
        | "sasl.oauthbearer.header.urlencode"
        | "sasl.oauthbearer.sub.claim.name"
        | "https.ca.location"
        | "https.ca.pem"
        | "ssl.cipher.suites"
        | "ssl.truststore.location"
        | "ssl.truststore.type"
        | "ssl.truststore.password"
        | "ssl.truststore.certificates"
        | "ssl.keystore.location"
        | "ssl.keystore.type"
        | "ssl.keystore.password"
        | "ssl.keystore.certificate.chain"
        | "ssl.keystore.key"
        | "compression.gzip.level"
        | "compression.lz4.level"
        | "compression.zstd.level" => Together,
        "ssl.endpoint.identification.algorithm" => {
            let algorithm = if value.is_empty() { "none".to_owned() } else { value.to_ascii_lowercase() };
            same("ssl.endpoint.identification.algorithm", &algorithm)
        }
        _ => ignored(name, value).map(Ignored).or_else(|| refused(name).map(Refused)).unwrap_or(Unchanged),
    }
}

fn same(name: &'static str, value: &str) -> Meaning {
    Client(name, value.to_owned())
}

fn number(name: &'static str, value: &str, convert: impl FnOnce(i64) -> i64) -> Meaning {
    match value.parse() {
        Ok(number) => Client(name, convert(number).to_string()),
        Err(_) => Refused("must be a whole number".to_owned()),
    }
}

/// Defaults that are spelled out, and settings of the Java client that mean nothing to another one.
fn ignored(name: &str, value: &str) -> Option<&'static str> {
    match name {
        "partitioner.class" if value.ends_with(".DefaultPartitioner") => Some("it is the default"),
        "partitioner.ignore.keys" | "delivery.report.only.error" if value.eq_ignore_ascii_case("false") => {
            Some("it is the default")
        }
        "sasl.oauthbearer.method" if matches!(value, "default" | "oidc") => {
            Some("sasl.oauthbearer.token.endpoint.url says who is asked for tokens")
        }
        "sasl.oauthbearer.jwt.retriever.class"
            if [".DefaultJwtRetriever", ".ClientCredentialsJwtRetriever", ".FileJwtRetriever"]
                .iter()
                .any(|class| value.ends_with(class)) =>
        {
            Some("sasl.oauthbearer.token.endpoint.url says who is asked for tokens")
        }
        "sasl.login.refresh.window.factor"
        | "sasl.login.refresh.window.jitter"
        | "sasl.login.refresh.min.period.seconds"
        | "sasl.login.refresh.buffer.seconds" => Some("a token is renewed after four fifths of its life"),
        "sasl.login.retry.backoff.ms" | "sasl.login.retry.backoff.max.ms" => {
            Some("whoever gives no token is asked again after 1 s, 2 s and so on up to 30 s")
        }
        "sasl.oauthbearer.scope.claim.name"
        | "sasl.oauthbearer.jwt.validator.class"
        | "sasl.oauthbearer.clock.skew.seconds"
        | "sasl.oauthbearer.expected.audience"
        | "sasl.oauthbearer.expected.issuer"
        | "sasl.oauthbearer.jwks.endpoint.url"
        | "sasl.oauthbearer.jwks.endpoint.refresh.ms"
        | "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms"
        | "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" => Some("the brokers look into tokens"),
        "key.serializer" | "value.serializer" => Some("the converters make the bytes"),
        "interceptor.classes" | "metric.reporters" | "security.providers" | "sasl.login.class" => {
            Some("classes of the Java client cannot be loaded")
        }
        "metrics.num.samples"
        | "metrics.recording.level"
        | "metrics.sample.window.ms"
        | "auto.include.jmx.reporter" => Some("the Java client's metrics do not exist here"),
        "ssl.protocol"
        | "ssl.provider"
        | "ssl.enabled.protocols"
        | "ssl.keymanager.algorithm"
        | "ssl.trustmanager.algorithm"
        | "ssl.secure.random.implementation" => Some("OpenSSL chooses it"),
        "metadata.max.idle.ms"
        | "partitioner.adaptive.partitioning.enable"
        | "partitioner.availability.timeout.ms"
        | "socket.connection.setup.timeout.max.ms"
        | "transaction.timeout.ms" => Some("librdkafka has nothing like it"),
        _ => None,
    }
}

fn refused(name: &str) -> Option<String> {
    match name {
        "transactional.id" => Some("transactions are not supported yet; remove it".to_owned()),
        "partitioner.class" => Some("only Kafka's default partitioner keeps the order of a key; remove it".to_owned()),
        "partitioner.ignore.keys" => Some("would lose the order of a key; remove it".to_owned()),
        "delivery.report.only.error" => {
            Some("positions are saved after delivery, so deliveries must be reported; remove it".to_owned())
        }
        "sasl.client.callback.handler.class" | "ssl.engine.factory.class" => {
            Some("classes of the Java client cannot be loaded; use sasl.jaas.config and ssl.* instead".to_owned())
        }
        "plugin.library.paths" | "ssl.engine.location" | "ssl.providers" | "sasl.kerberos.kinit.cmd" => {
            Some("would have the daemon run a program of somebody else's; remove it".to_owned())
        }
        "sasl.oauthbearer.jwt.retriever.class" | "sasl.oauthbearer.method" => {
            Some("tokens are got for a client's credentials, or from a file; remove it".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_names_become_librdkafkas() {
        for (name, value, client, translated) in [
            ("buffer.memory", "33554432", "queue.buffering.max.kbytes", "32768"),
            ("buffer.memory", "1", "queue.buffering.max.kbytes", "1"),
            ("max.request.size", "2000000", "message.max.bytes", "2000000"),
            ("batch.size", "0", "batch.size", "1"),
            ("send.buffer.bytes", "-1", "socket.send.buffer.bytes", "0"),
            ("security.protocol", "SASL_SSL", "security.protocol", "sasl_ssl"),
            ("ssl.endpoint.identification.algorithm", "", "ssl.endpoint.identification.algorithm", "none"),
            ("ssl.endpoint.identification.algorithm", "HTTPS", "ssl.endpoint.identification.algorithm", "https"),
            ("message.timeout.ms", "5", "delivery.timeout.ms", "5"),
        ] {
            assert_eq!(meaning(name, value), Client(client, translated.to_owned()), "{name}");
        }
    }

    #[test]
    fn the_rest_passes_is_ignored_or_refused() {
        assert_eq!(meaning("linger.ms", "20"), Unchanged);
        assert_eq!(meaning("socket.keepalive.enable", "true"), Unchanged);
        assert!(matches!(meaning("key.serializer", "x"), Ignored(_)));
        assert!(matches!(meaning("transactional.id", "x"), Refused(_)));
        assert!(matches!(meaning("plugin.library.paths", "/tmp/evil"), Refused(_)));
        assert!(matches!(meaning("buffer.memory", "much"), Refused(_)));
        let package = "org.apache.kafka.clients.producer";
        assert!(matches!(meaning("partitioner.class", &format!("{package}.RoundRobinPartitioner")), Refused(_)));
        assert!(matches!(meaning("partitioner.class", &format!("{package}.internals.DefaultPartitioner")), Ignored(_)));
    }
}
