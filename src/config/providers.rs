//! Configuration providers: who resolves placeholders, by Kafka Connect's names and with its limits.
//!
//! `config.providers=secrets` with `config.providers.secrets.class=…FileConfigProvider` makes `${secrets:PATH:KEY}`. Without
//! `config.providers` there are `env`, `file` and `dir`. Files and directories are read again for every plan.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use fancy_regex::Regex;

use super::placeholder::{Piece, pieces};
use super::reader::entries;
use super::{Problem, Properties, java};

/// Those who resolve placeholders, by the names that placeholders have for them.
#[derive(Clone, Debug)]
pub struct Providers(BTreeMap<String, Provider>);

#[derive(Clone, Debug)]
struct Provider {
    kind: Kind,
    /// Where what is read must be; `None`: anywhere.
    paths: Option<Vec<PathBuf>>,
    /// What the names of variables must be like.
    names: Option<Regex>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Environment,
    File,
    Directory,
}

impl Default for Providers {
    fn default() -> Self {
        let all = [("env", Kind::Environment), ("file", Kind::File), ("dir", Kind::Directory)];
        let provider = |kind| Provider { kind, paths: None, names: None };
        Self(all.into_iter().map(|(name, kind)| (name.to_owned(), provider(kind))).collect())
    }
}

impl Providers {
    /// As the worker's settings say.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read(properties: &Properties) -> Result<Self, Vec<Problem>> {
        let names = properties.get("config.providers").map(|list| entries(list)).unwrap_or_default();
        if names.is_empty() {
            return Ok(Self::default());
        }
        let mut providers = BTreeMap::new();
        let mut problems = Vec::new();
        for name in names {
            match Provider::read(properties, &format!("config.providers.{name}")) {
                Ok(provider) => drop(providers.insert(name, provider)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(Self(providers)) } else { Err(problems) }
    }

    /// The properties with every placeholder replaced by what it stands for, and without white space around them, which
    /// counts for Kafka Connect neither. One that stands for nothing is a problem, and its property is left out.
    #[must_use]
    pub fn resolve_all(&self, written: &Properties) -> (Properties, Vec<Problem>) {
        let mut resolved = Properties::new();
        let mut problems = Vec::new();
        for (key, value) in written {
            match self.resolve(value) {
                Ok(value) => drop(resolved.insert(key.clone(), value.trim().to_owned())),
                Err(reason) => problems.push(Problem::new(key, reason)),
            }
        }
        (resolved, problems)
    }

    /// The value with its placeholders replaced.
    ///
    /// # Errors
    /// What is missing, in words; never the value.
    pub fn resolve(&self, value: &str) -> Result<String, String> {
        let resolved = pieces(value).into_iter().map(|piece| match piece {
            Piece::Text(text) => Ok(text.to_owned()),
            Piece::Placeholder(inner) => {
                self.look_up(inner).map_err(|reason| format!("cannot resolve ${{{inner}}}: {reason}"))
            }
        });
        resolved.collect()
    }

    fn look_up(&self, inner: &str) -> Result<String, String> {
        let (name, rest) = inner.split_once(':').unwrap_or((inner, ""));
        let Some(provider) = self.0.get(name) else {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            return Err(format!("there is no provider {name:?}; there are {}", known.join(", ")));
        };
        match provider.kind {
            Kind::Environment => provider.variable(name, rest.strip_prefix(':').unwrap_or(rest)),
            Kind::File => {
                let (path, key) = path_and_key(name, rest)?;
                let text = provider.text(name, Path::new(path))?;
                java::parse(&text).remove(key).ok_or_else(|| format!("the file {path} has no key {key}"))
            }
            Kind::Directory => {
                let (path, key) = path_and_key(name, rest)?;
                if key.contains(['/', '\\']) || key == ".." {
                    return Err(format!("{key:?} is not the name of a file in {path}"));
                }
                let text = provider.text(name, &Path::new(path).join(key))?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }
}

impl Provider {
    fn read(properties: &Properties, prefix: &str) -> Result<Self, Problem> {
        const KNOWN: &str = "use EnvVarConfigProvider, FileConfigProvider or DirectoryConfigProvider of \
                             org.apache.kafka.common.config.provider";
        let get = |name: &str| {
            let key = format!("{prefix}.{name}");
            let value = properties.get(&key).map(|value| value.trim()).filter(|value| !value.is_empty());
            (key, value)
        };
        let (key, class) = get("class");
        let kind = match class.and_then(|class| class.rsplit('.').next()) {
            Some("EnvVarConfigProvider") => Kind::Environment,
            Some("FileConfigProvider") => Kind::File,
            Some("DirectoryConfigProvider") => Kind::Directory,
            Some(_) => return Err(Problem::new(key, format!("is not known; {KNOWN}")).with_value(class.unwrap_or(""))),
            None => return Err(Problem::new(key, format!("is required: {KNOWN}"))),
        };
        let (key, list) = get("param.allowed.paths");
        let paths = list.map(|list| allowed_paths(&key, list)).transpose()?;
        let (key, pattern) = get("param.allowlist.pattern");
        let names = pattern.map(|pattern| {
            Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|error| Problem::new(&key, format!("is no regular expression: {error}")).with_value(pattern))
        });
        Ok(Self { kind, paths, names: names.transpose()? })
    }

    fn variable(&self, provider: &str, name: &str) -> Result<String, String> {
        if self.names.as_ref().is_some_and(|names| !names.is_match(name).unwrap_or(false)) {
            return Err(format!("{name} does not match config.providers.{provider}.param.allowlist.pattern"));
        }
        std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
    }

    fn text(&self, provider: &str, path: &Path) -> Result<String, String> {
        let cannot = |error| format!("cannot read {}: {error}", path.display());
        if let Some(allowed) = &self.paths {
            let climbs = path.components().any(|component| component == Component::ParentDir);
            let is_within = !climbs && allowed.iter().any(|allowed| path.starts_with(allowed));
            // A link within may lead out.
            let leads_out = || {
                let real = path.canonicalize().map_err(cannot)?;
                let mut roots = allowed.iter().filter_map(|allowed| allowed.canonicalize().ok());
                Ok::<bool, String>(!roots.any(|root| real.starts_with(root)))
            };
            if !is_within || leads_out()? {
                let key = format!("config.providers.{provider}.param.allowed.paths");
                return Err(format!("{} is outside of {key}", path.display()));
            }
        }
        std::fs::read_to_string(path).map_err(cannot)
    }
}

fn allowed_paths(key: &str, list: &str) -> Result<Vec<PathBuf>, Problem> {
    let paths: Vec<PathBuf> = entries(list).into_iter().map(PathBuf::from).collect();
    match paths.iter().find(|path| !path.is_absolute() || !path.exists()) {
        Some(path) => {
            let reason = format!("{} must be an absolute path that exists", path.display());
            Err(Problem::new(key, reason).with_value(list))
        }
        None => Ok(paths),
    }
}

fn path_and_key<'a>(provider: &str, rest: &'a str) -> Result<(&'a str, &'a str), String> {
    match rest.split_once(':') {
        Some((path, key)) if !path.is_empty() && !key.is_empty() => Ok((path, key)),
        _ => Err(format!("write ${{{provider}:PATH:KEY}}")),
    }
}

#[cfg(test)]
#[path = "providers_tests.rs"]
mod tests;
