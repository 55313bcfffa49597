//! Java's settings for SASL and TLS in librdkafka's terms, where one needs the other to be understood.

use std::collections::BTreeMap;

use super::config::{Java, Setting};
use super::oauth::{self, Oidc};
use crate::config::Problem;

/// Takes what concerns SASL and TLS out of the settings, and gives it to the client. What it gives back tells where tokens
/// come from, if the client needs some.
pub(super) fn translate(
    settings: &mut Java,
    client: &mut BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Option<Oidc> {
    let is_bearer = settings.get("sasl.mechanism").is_some_and(|name| name.eq_ignore_ascii_case("OAUTHBEARER"));
    let oidc = sasl(settings, client, problems);
    truststore(settings, client, problems);
    keystore(settings, client, problems);
    oidc.filter(|_| is_bearer)
}

fn sasl(settings: &mut Java, client: &mut BTreeMap<String, String>, problems: &mut Vec<Problem>) -> Option<Oidc> {
    let mechanism = settings.take("sasl.mechanism");
    let handler = settings.take("sasl.login.callback.handler.class");
    if let Some(handler) = handler.filter(|handler| !oauth::is_handler(&handler.value)) {
        let reason = "classes of the Java client cannot be loaded; of handlers there is only \
                      org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler";
        problems.push(Problem::new(handler.key, reason).with_value(handler.value));
    }
    let jaas = settings.take("sasl.jaas.config").map(|setting| (setting.key, parse_jaas(&setting.value)));
    let options = match &jaas {
        Some((key, Ok(Login::Bearer(options)))) => Some((key.as_str(), options)),
        _ => None,
    };
    let oidc = oauth::read(settings, options, problems);
    let has_endpoint = oidc.is_some();
    if let Some((key, login)) = jaas {
        let plain = login.and_then(|login| match login {
            Login::Plain(login) => Ok(login),
            Login::Bearer(options) if is_unsecured(&options) => unsecured(&options),
            Login::Bearer(_) if has_endpoint || !problems.is_empty() => Ok(vec![]),
            Login::Bearer(_) => Err(format!("needs {NO_TOKENS}")),
        });
        match plain {
            Ok(login) => client.extend(login.into_iter().map(|(name, value)| (name.to_owned(), value))),
            Err(reason) => problems.push(Problem::new(key, reason)),
        }
    }
    check_mechanism(mechanism, client, problems);
    let is_bearer = client.get("sasl.mechanism").is_some_and(|name| name == "OAUTHBEARER");
    if is_bearer && !has_endpoint && !client.contains_key("sasl.oauthbearer.config") && problems.is_empty() {
        problems.push(Problem::new("sasl.jaas.config", format!("is required with OAUTHBEARER: {NO_TOKENS}")));
    }
    oidc
}

/// What a bearer needs.
const NO_TOKENS: &str = "OAuthBearerLoginModule with clientId=\"…\" and clientSecret=\"…\", and \
                         sasl.oauthbearer.token.endpoint.url beside it; or with unsecuredLoginStringClaim_sub=\"NAME\"";

fn check_mechanism(mechanism: Option<Setting>, client: &mut BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    const KNOWN: &str = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER";
    if !client.get("security.protocol").is_some_and(|protocol| protocol.starts_with("sasl_")) {
        return;
    }
    match mechanism {
        None => problems.push(Problem::new("sasl.mechanism", format!("is required with SASL: {KNOWN}"))),
        Some(mechanism) => match mechanism.value.to_ascii_uppercase().as_str() {
            known @ ("PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER") => {
                client.insert("sasl.mechanism".to_owned(), known.to_owned());
            }
            _ => problems.push(
                Problem::new(mechanism.key, format!("is not supported; use {KNOWN}")).with_value(mechanism.value),
            ),
        },
    }
}

/// What a login needs.
#[derive(Debug, PartialEq, Eq)]
enum Login {
    /// librdkafka's settings.
    Plain(Settings),
    /// The options of `OAuthBearerLoginModule`.
    Bearer(BTreeMap<String, String>),
}

/// librdkafka's settings.
type Settings = Vec<(&'static str, String)>;

/// User and password of `….PlainLoginModule required username="…" password="…";`, or of the module for SCRAM; or the options
/// of `….OAuthBearerLoginModule`. The reasons hold no part of the text: it has the password.
fn parse_jaas(text: &str) -> Result<Login, String> {
    let words = jaas_words(text)?;
    let mut words = words.iter().map(String::as_str);
    let module = words.next().unwrap_or_default();
    let is_bearer = module.ends_with(".OAuthBearerLoginModule");
    if !is_bearer && !module.ends_with(".PlainLoginModule") && !module.ends_with(".ScramLoginModule") {
        return Err("only PlainLoginModule, ScramLoginModule and OAuthBearerLoginModule are supported".to_owned());
    }
    // required, sufficient, …: with a single module they mean the same.
    words.next();
    let options = words.filter_map(|option| option.split_once('='));
    let options: BTreeMap<String, String> = options.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if is_bearer {
        return Ok(Login::Bearer(options));
    }
    match (options.get("username"), options.get("password")) {
        (Some(username), Some(password)) => {
            Ok(Login::Plain(vec![("sasl.username", username.clone()), ("sasl.password", password.clone())]))
        }
        _ => Err("needs username=\"…\" and password=\"…\"".to_owned()),
    }
}

/// Whether it makes its token itself.
fn is_unsecured(options: &BTreeMap<String, String>) -> bool {
    options.keys().any(|name| name.starts_with("unsecuredLogin"))
}

/// A token without a signature, as Kafka's own handlers make and take them by default.
fn unsecured(options: &BTreeMap<String, String>) -> Result<Settings, String> {
    let name = options.get("unsecuredLoginStringClaim_sub").filter(|name| !name.contains([' ', '"', '\\']));
    let name = name.ok_or("needs unsecuredLoginStringClaim_sub=\"NAME\", a name without blanks and quotes")?;
    let lifetime = match options.get("unsecuredLoginLifetimeSeconds") {
        Some(seconds) => {
            let seconds: u32 = seconds.parse().map_err(|_| "needs a whole number as unsecuredLoginLifetimeSeconds")?;
            format!(" lifeSeconds={seconds}")
        }
        None => String::new(),
    };
    Ok(vec![
        ("enable.sasl.oauthbearer.unsecure.jwt", "true".to_owned()),
        ("sasl.oauthbearer.config", format!("principal={name}{lifetime}")),
    ])
}

/// The words before the semicolon; quotes are taken off, with `\` before what is meant literally.
fn jaas_words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' if quoted => word.extend(characters.next()),
            ';' if !quoted => {
                words.push(word);
                words.retain(|word| !word.is_empty());
                return Ok(words);
            }
            character if character.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            character => word.push(character),
        }
    }
    Err("must end with a semicolon".to_owned())
}

/// What a store of keys or certificates is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Pem,
    Pkcs12,
    Jks,
}

/// By its declared type, else by its file name; Java's default is JKS.
fn store_type(settings: &mut Java, key: &str, location: &str) -> Store {
    let declared = settings.take(key).map(|setting| setting.value.to_ascii_uppercase());
    let extension = location.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match (declared.as_deref(), extension.as_deref()) {
        (Some("PEM"), _) | (None, Some("pem" | "crt" | "cer" | "key")) => Store::Pem,
        (Some("PKCS12"), _) | (None, Some("p12" | "pfx")) => Store::Pkcs12,
        _ => Store::Jks,
    }
}

fn truststore(settings: &mut Java, client: &mut BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    let password = settings.take("ssl.truststore.password");
    if let Some(certificates) = settings.take("ssl.truststore.certificates") {
        client.insert("ssl.ca.pem".to_owned(), certificates.value);
    }
    let Some(location) = settings.take("ssl.truststore.location") else {
        settings.take("ssl.truststore.type");
        return;
    };
    let path = &location.value;
    let to_pem = |from: &str| format!("{from} is not supported; make PEM of it and set ssl.truststore.type=PEM");
    let reason = match store_type(settings, "ssl.truststore.type", path) {
        Store::Pem => {
            client.insert("ssl.ca.location".to_owned(), location.value);
            return;
        }
        Store::Pkcs12 => format!("{}: openssl pkcs12 -in {path} -nokeys -out ca.pem", to_pem("PKCS12")),
        Store::Jks => format!("{}: keytool -list -rfc -keystore {path} > ca.pem", to_pem("JKS")),
    };
    // Its password is of no use, but names the store it belongs to.
    drop(password);
    problems.push(Problem::new(location.key, reason).with_value(location.value));
}

fn keystore(settings: &mut Java, client: &mut BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    let mut pass = |name: &str, as_name: &str, client: &mut BTreeMap<String, String>| {
        if let Some(setting) = settings.take(name) {
            client.insert(as_name.to_owned(), setting.value);
        }
    };
    pass("ssl.keystore.certificate.chain", "ssl.certificate.pem", client);
    pass("ssl.keystore.key", "ssl.key.pem", client);
    let password = settings.take("ssl.keystore.password");
    let Some(location) = settings.take("ssl.keystore.location") else {
        settings.take("ssl.keystore.type");
        return;
    };
    match store_type(settings, "ssl.keystore.type", &location.value) {
        Store::Pem => {
            // Kafka's PEM key store holds the key and its certificates in one file.
            client.insert("ssl.certificate.location".to_owned(), location.value.clone());
            client.insert("ssl.key.location".to_owned(), location.value);
        }
        Store::Pkcs12 => {
            client.insert("ssl.keystore.location".to_owned(), location.value);
            client.extend(password.map(|password| ("ssl.keystore.password".to_owned(), password.value)));
        }
        Store::Jks => {
            let path = &location.value;
            let reason = format!(
                "JKS is not supported; set ssl.keystore.type=PKCS12 with a store made by: keytool -importkeystore \
                 -srckeystore {path} -destkeystore client.p12 -deststoretype PKCS12"
            );
            problems.push(Problem::new(location.key, reason).with_value(location.value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(pairs: &[(&str, &str)]) -> (BTreeMap<String, String>, String) {
        let mut settings = Java::default();
        let mut client = BTreeMap::new();
        for (name, value) in pairs {
            if *name == "security.protocol" {
                client.insert((*name).to_owned(), (*value).to_owned());
            } else {
                settings.set(name, &format!("producer.override.{name}"), value);
            }
        }
        let mut problems = Vec::new();
        translate(&mut settings, &mut client, &mut problems);
        assert!(settings.is_empty(), "all is taken");
        (client, crate::config::Problems(problems).to_string())
    }

    #[test]
    fn jaas_gives_user_and_password() {
        let module = "org.apache.kafka.common.security";
        for (text, password) in [
            (format!(r#"{module}.plain.PlainLoginModule required username="u" password="p w;\"q";"#), "p w;\"q"),
            (format!("{module}.scram.ScramLoginModule  required\n username=u\n password=p;"), "p"),
            (
                format!("{module}.scram.ScramLoginModule required username=\"u\" password=\"a=b\" tokenauth=true;"),
                "a=b",
            ),
        ] {
            let expected =
                Login::Plain(vec![("sasl.username", "u".to_owned()), ("sasl.password", password.to_owned())]);
            assert_eq!(parse_jaas(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_bearer_may_name_itself() {
        let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required";
        let (client, problems) = translated(&[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.jaas.config", &format!("{module} unsecuredLoginStringClaim_sub=\"ops\";")),
        ]);
        assert_eq!((problems.as_str(), client["sasl.oauthbearer.config"].as_str()), ("", "principal=ops"));
        let (_, problems) = translated(&[("sasl.jaas.config", &format!("{module} clientId=\"hush\";"))]);
        assert!(problems.contains("unsecuredLoginStringClaim_sub") && !problems.contains("hush"), "{problems}");
        assert!(problems.contains("sasl.oauthbearer.token.endpoint.url"), "{problems}");
        let (_, problems) = translated(&[("sasl.login.callback.handler.class", "com.acme.Handler")]);
        assert!(problems.contains("there is only org.apache.kafka"), "{problems}");
    }

    #[test]
    fn jaas_errors_do_not_tell_the_password() {
        for text in [
            "PlainLoginModule required username=\"u\" password=\"hush\"",
            "x.PlainLoginModule required password=\"hush\";",
            "com.sun.security.auth.module.Krb5LoginModule required password=\"hush\";",
        ] {
            let (_, problems) = translated(&[("sasl.jaas.config", text)]);
            assert!(problems.starts_with("producer.override.sasl.jaas.config: "), "{problems}");
            assert!(!problems.contains("hush"), "{problems}");
        }
    }

    #[test]
    fn sasl_needs_a_mechanism_that_we_have() {
        let protocol = ("security.protocol", "sasl_ssl");
        assert!(translated(&[protocol]).1.contains("is required with SASL"));
        assert!(translated(&[protocol, ("sasl.mechanism", "GSSAPI")]).1.contains("use PLAIN, SCRAM-SHA-256"));
        let (client, problems) = translated(&[protocol, ("sasl.mechanism", "scram-sha-512")]);
        assert_eq!((client["sasl.mechanism"].as_str(), problems.as_str()), ("SCRAM-SHA-512", ""));
    }

    #[test]
    fn pem_stores_pass_and_others_are_refused_with_the_command_that_helps() {
        let (client, problems) = translated(&[
            ("ssl.truststore.location", "/etc/ca.pem"),
            ("ssl.keystore.location", "/etc/client"),
            ("ssl.keystore.type", "PEM"),
        ]);
        assert_eq!(problems, "");
        assert_eq!(client["ssl.ca.location"], "/etc/ca.pem");
        assert_eq!(client["ssl.certificate.location"], "/etc/client");
        assert_eq!(client["ssl.key.location"], "/etc/client");
        let (client, problems) = translated(&[
            ("ssl.keystore.location", "/etc/client.p12"),
            ("ssl.keystore.password", "hush"),
            ("ssl.truststore.location", "/etc/trust.jks"),
            ("ssl.truststore.password", "hush"),
        ]);
        assert_eq!(client["ssl.keystore.password"], "hush");
        assert!(problems.contains("keytool -list -rfc -keystore /etc/trust.jks > ca.pem"), "{problems}");
        assert!(!problems.contains("hush"), "{problems}");
    }
}
