//! Who a client's certificate says it is, and which role that has.
//!
//! The name is the certificate's subject, or what Kafka's `ssl.principal.mapping.rules` make of it. A file of
//! `name:role` lines gives roles; without one, whoever has a verified certificate may do everything.

use std::path::Path;

use fancy_regex::{Captures, Regex};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::users::Role;

/// Of the common name, in a subject.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The line that is meant for all.
const ALL: &str = "*";

/// Whom a certificate is for. It was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// As in `CN=ops,O=acme` (RFC 2253).
    pub subject: String,
    /// `CN:…` of the subject; `DNS:…`, `URI:…` and `EMAIL:…` of its alternative names.
    pub names: Vec<String>,
}

impl Identity {
    /// Of a certificate in DER; `None` if it cannot be read.
    pub(in crate::api) fn of(certificate: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?.tbs_certificate;
        let attributes = certificate.subject.0.iter().flat_map(|part| part.0.iter());
        let common = attributes.filter(|attribute| attribute.oid == COMMON_NAME).filter_map(|attribute| {
            let value = &attribute.value;
            let text = value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned());
            text.or_else(|_| value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned())).ok()
        });
        let mut names: Vec<String> = common.map(|name| format!("CN:{name}")).collect();
        let (_, alternative) =
            certificate.get::<SubjectAltName>().ok().flatten().unwrap_or((false, SubjectAltName(vec![])));
        names.extend(alternative.0.iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(format!("DNS:{}", name.as_str())),
            GeneralName::UniformResourceIdentifier(name) => Some(format!("URI:{}", name.as_str())),
            GeneralName::Rfc822Name(name) => Some(format!("EMAIL:{}", name.as_str())),
            _ => None,
        }));
        Some(Self { subject: certificate.subject.to_string(), names })
    }
}

/// Kafka's `ssl.principal.mapping.rules` (`org.apache.kafka.common.security.ssl.SslPrincipalMapper`).
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
enum Rule {
    /// The subject as it is.
    Default,
    Replace {
        pattern: Regex,
        replacement: String,
        case: Option<char>,
    },
}

impl Rules {
    /// `RULE:pattern/replacement/[LU]` and `DEFAULT`, with commas between.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write RULE:pattern/replacement/, with L or U behind it for lower or upper case, or DEFAULT; \
                            commas between";
        let mut rules = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let rule = if let Some(after) = rest.strip_prefix("DEFAULT") {
                rest = after;
                Rule::Default
            } else {
                let (pattern, after) = rest.strip_prefix("RULE:").and_then(until_slash).ok_or(FORM)?;
                let (replacement, after) = until_slash(after).ok_or(FORM)?;
                let case = after.chars().next().filter(|case| matches!(case, 'L' | 'U'));
                rest = after.get(case.map_or(0, char::len_utf8)..).unwrap_or_default();
                let pattern = Regex::new(&format!("^(?:{pattern})$"))
                    .map_err(|error| format!("{pattern:?} is no regular expression: {error}"))?;
                Rule::Replace { pattern, replacement: replacement.to_owned(), case }
            };
            rules.push(rule);
            rest = rest.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if rest.is_empty() => rest,
                None => return Err(FORM.to_owned()),
            };
        }
        Ok(Self(rules))
    }

    /// The name of a subject: what the first rule that fits makes of it. Without rules it is the subject.
    pub(super) fn name(&self, subject: &str) -> Option<String> {
        if self.0.is_empty() {
            return Some(subject.to_owned());
        }
        self.0.iter().find_map(|rule| match rule {
            Rule::Default => Some(subject.to_owned()),
            Rule::Replace { pattern, replacement, case } => {
                let captures = pattern.captures(subject).ok().flatten()?;
                let name = expand(replacement, &captures);
                Some(match case {
                    Some('L') => name.to_lowercase(),
                    Some(_) => name.to_uppercase(),
                    None => name,
                })
            }
        })
    }
}

/// What is before the first slash without a backslash, and what is behind it.
fn until_slash(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let place = text.char_indices().find_map(|(place, character)| {
        let is_end = character == '/' && !escaped;
        escaped = character == '\\' && !escaped;
        is_end.then_some(place)
    })?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// Java's replacements: `$1` is a group if there is such a one, a backslash takes the next character literally.
fn expand(replacement: &str, captures: &Captures<'_>) -> String {
    let mut expanded = String::new();
    let mut rest = replacement.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => expanded.extend(rest.next()),
            '$' => {
                let mut group = None;
                while let Some(digit) = rest.peek().and_then(|next| next.to_digit(10)) {
                    let longer = group.unwrap_or(0) * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    group = Some(longer);
                    rest.next();
                }
                match group {
                    Some(group) => expanded.push_str(captures.get(group).map_or("", |found| found.as_str())),
                    None => expanded.push('$'),
                }
            }
            other => expanded.push(other),
        }
    }
    expanded
}

/// The roles of a file: lines of `name:role`.
///
/// # Errors
/// Which line is wrong, and what would be right.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Role)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let roles = lines.map(|(number, line)| {
        // Names may have colons.
        let (name, role) = line.rsplit_once(':').map_or(("", line), |(name, role)| (name.trim(), role.trim()));
        match (name, role) {
            (name, "admin") if !name.is_empty() => Ok((name.to_owned(), Role::Admin)),
            (name, "read-only") if !name.is_empty() => Ok((name.to_owned(), Role::ReadOnly)),
            _ => Err(format!("line {number}: write name:admin or name:read-only")),
        }
    });
    let roles = roles.collect::<Result<Vec<_>, _>>()?;
    if roles.is_empty() { Err("names nobody".to_owned()) } else { Ok(roles) }
}

/// The role of the first line that fits.
pub(super) fn role(roles: &[(String, Role)], name: &str, identity: &Identity) -> Option<Role> {
    let fits = |line: &str| line == ALL || line == name || identity.names.iter().any(|other| other == line);
    roles.iter().find(|(line, _)| fits(line)).map(|(_, role)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_kafkas() {
        let subject = "CN=Duke,OU=ServiceUsers,O=Org,C=US";
        for (rules, name) in [
            ("", Some(subject)),
            ("DEFAULT", Some(subject)),
            ("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/", Some("Duke")),
            ("RULE:^CN=(.*?),OU=Other.*$/$1/, RULE:^CN=([^,]+),.*$/$1@x/L , DEFAULT", Some("duke@x")),
            ("RULE:^.*OU=(.*?),.*$/$1/U", Some("SERVICEUSERS")),
            ("RULE:CN=(\\w+).*/a\\/$1$2\\$1/", Some("a/Duke$2$1")),
            ("RULE:^x$/y/", None),
            ("RULE:^x$/y/,DEFAULT", Some(subject)),
        ] {
            assert_eq!(Rules::parse(rules).unwrap().name(subject).as_deref(), name, "{rules}");
        }
        for wrong in ["RULE:a/b", "rule:a/b/", "RULE:a/b/X", "RULE:(/b/", "DEFAULT DEFAULT"] {
            assert!(Rules::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let identity = Identity {
            subject: "CN=ops,O=acme".to_owned(),
            names: ["CN:ops", "URI:spiffe://acme/ops"].map(str::to_owned).to_vec(),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roles");
        let role = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path).map(|roles| super::role(&roles, "CN=ops,O=acme", &identity))
        };
        assert_eq!(role("# who\nCN=ops,O=acme:admin\n*:read-only\n"), Ok(Some(Role::Admin)));
        assert_eq!(role("CN:ops: read-only\nCN=ops,O=acme:admin"), Ok(Some(Role::ReadOnly)));
        assert_eq!(role("URI:spiffe://acme/ops:admin"), Ok(Some(Role::Admin)));
        assert_eq!(role("*:read-only"), Ok(Some(Role::ReadOnly)));
        assert_eq!(role("CN=ops:admin\nDNS:ops:admin"), Ok(None));
        assert_eq!(
            role("*:admin\nURI:spiffe://acme/ops"),
            Err("line 2: write name:admin or name:read-only".to_owned())
        );
        assert!(role(":admin").is_err() && role("").is_err());
    }
}
