//! Connect's grammar of transforms: `transforms`, `transforms.NAME.type`, options, predicates.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::predicate::{self, Conditional, Predicate};
use super::{BUILDERS, Build, Builder, Built, Side, Transform, short_name};
use crate::config::problem::did_you_mean;
use crate::config::{Key, KeyKind, Problem, Problems, Properties, Reader};

/// What every transform has beside its own options.
const COMMON: &[Key] = &[
    Key::new("type", KeyKind::Class, "The transform's class"),
    Key::new("predicate", KeyKind::String, "The predicate that says on which records it works"),
    Key::new("negate", KeyKind::Boolean, "Whether it works where the predicate does not hold").default("false"),
    VERSION,
];

/// Of Kafka 4.1 (KIP-891). There is one version of everything here.
const VERSION: Key =
    Key::new("plugin.version", KeyKind::String, "Accepted; it chooses between versions of a Java class");

/// The key that names the class.
const TYPE: &str = "type";

/// The transforms of a connector file, in their order.
///
/// # Errors
/// Every problem at once: unknown classes and predicates, options that are wrong or missing.
pub fn build_chain(properties: &Properties) -> Result<Vec<Box<dyn Transform>>, Problems> {
    let mut problems = Vec::new();
    let predicates = predicates(properties, &mut problems);
    let mut chain = Vec::new();
    for name in names(properties, "transforms", &mut problems) {
        match build_link(properties, &name, &predicates) {
            Ok(transform) => chain.push(transform),
            Err(found) => problems.extend(found.0),
        }
    }
    if problems.is_empty() { Ok(chain) } else { Err(Problems(problems)) }
}

/// The classes of all transforms, as files name them.
#[must_use]
pub fn classes() -> Vec<String> {
    let forms = |class: &str, build| match build {
        Build::Whole(_) => vec![class.to_owned()],
        Build::Sided(_) => vec![format!("{class}$Key"), format!("{class}$Value")],
    };
    BUILDERS.iter().flat_map(|builder| forms(builder.class, builder.build)).collect()
}

/// The classes of all predicates.
#[must_use]
pub const fn predicate_classes() -> &'static [&'static str] {
    predicate::CLASSES
}

/// The options of a transform or predicate; `None`: there is no such class.
#[must_use]
pub fn keys_of(class: &str) -> Option<&'static [Key]> {
    find(class).ok().map(|found| found.keys).or_else(|| Predicate::keys(class))
}

/// The name of a class with its package; what names no class stays.
#[must_use]
pub fn full_name(class: &str) -> String {
    let known = classes().into_iter().chain(predicate::CLASSES.iter().map(|class| (*class).to_owned()));
    known.into_iter().find(|known| known == class || short_name(known) == class).unwrap_or_else(|| class.to_owned())
}

/// The names of a list of transforms or predicates, each once.
#[must_use]
pub fn names_in(properties: &Properties, list: &'static str) -> Vec<Arc<str>> {
    names(properties, list, &mut Vec::new())
}

/// The properties of transforms and predicates that mean nothing: an option that the class does not have, a name that is
/// not in the list.
#[must_use]
pub fn unknown_keys(properties: &Properties) -> Vec<String> {
    let mut unknown = Vec::new();
    for list in ["predicates", "transforms"] {
        let listed = names(properties, list, &mut Vec::new());
        let prefix = format!("{list}.");
        let options = properties.keys().filter_map(|key| Some((key, key.strip_prefix(&prefix)?)));
        for (key, (name, option)) in options.map(|(key, rest)| (key, rest.split_once('.').unwrap_or((rest, "")))) {
            let class = properties.get(&format!("{prefix}{name}.type"));
            let keys = class.and_then(|class| match list {
                "transforms" => find(class).ok().map(|kind| kind.keys),
                _ => Predicate::keys(class),
            });
            let common =
                COMMON.iter().filter(|key| list == "transforms" || key.name == TYPE || key.name == VERSION.name);
            // An unknown class is a problem of its own, and says nothing of its options.
            let is_option = keys.is_none_or(|keys| keys.iter().chain(common).any(|key| key.covers(option)));
            if !is_option || !listed.iter().any(|listed| **listed == *name) {
                unknown.push(key.clone());
            }
        }
    }
    unknown
}

/// What a class name stands for.
struct Found {
    keys: &'static [Key],
    build: Build,
    side: Option<Side>,
}

/// The transform of that class; else what is wrong with the name. Java's alias for a class in a class works too: `Cast$Key`.
fn find(name: &str) -> Result<Found, String> {
    find_among(BUILDERS, name)
}

fn find_among(builders: &'static [Builder], name: &str) -> Result<Found, String> {
    let (class, side) = match name.rsplit_once('$') {
        Some((class, "Key")) => (class, Some(Side::Key)),
        Some((class, "Value")) => (class, Some(Side::Value)),
        _ => (name, None),
    };
    let mut candidates: Vec<_> = builders.iter().filter(|builder| builder.class == class).collect();
    if candidates.is_empty() {
        candidates = builders.iter().filter(|builder| short_name(builder.class) == class).collect();
    }
    let builder = match candidates.as_slice() {
        [builder] => builder,
        [] => return Err(does_not_exist(name, &classes())),
        several => {
            let classes: Vec<&str> = several.iter().map(|builder| builder.class).collect();
            return Err(format!("is the short name of several classes; write one of {}", classes.join(", ")));
        }
    };
    match (builder.build, side) {
        (Build::Sided(_), None) => Err(format!("works on keys or on values; write {class}$Key or {class}$Value")),
        (Build::Whole(_), Some(_)) => Err(format!("has no forms for keys and values; write {class}")),
        (build, side) => Ok(Found { keys: builder.keys, build, side }),
    }
}

impl Found {
    fn build(&self, name: &Arc<str>, options: &Properties) -> Built {
        match (self.build, self.side) {
            (Build::Whole(build), _) => build(name, options),
            (Build::Sided(build), side) => build(name, options, side.unwrap_or(Side::Value)),
        }
    }
}

/// The names in a list, each once.
fn names(properties: &Properties, list: &'static str, problems: &mut Vec<Problem>) -> Vec<Arc<str>> {
    let keys = [Key::new(list, KeyKind::List, "")];
    let mut names: Vec<Arc<str>> = Vec::new();
    for name in Reader::new(properties, &[&keys]).list(list) {
        if names.iter().any(|earlier| **earlier == *name) {
            problems.push(Problem::new(list, format!("names {name:?} twice")).with_value(&properties[list]));
        } else {
            names.push(name.into());
        }
    }
    names
}

fn build_link(
    properties: &Properties,
    name: &Arc<str>,
    predicates: &BTreeMap<Arc<str>, Predicate>,
) -> Result<Box<dyn Transform>, Problems> {
    let prefix = format!("transforms.{name}.");
    let class = class(properties, &prefix, &classes())?;
    let found = find(&class).map_err(|reason| wrong_class(&prefix, &class, reason))?;
    let options = options(properties, &prefix);
    let transform = found.build(name, &options).map_err(|problems| under(&prefix, problems))?;
    let mut read = Reader::new(&options, &[COMMON]);
    let negate = read.flag("negate");
    let Some(predicate) = read.text_opt("predicate") else {
        return read.finish(transform).map_err(|problems| under(&prefix, problems));
    };
    let Some(condition) = predicates.get(&*predicate).cloned() else {
        let known = predicates.keys().map(|name| &**name).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        let reason = format!("is no predicate of this connector; `predicates` names {known}");
        read.problem("predicate", Some(predicate), &reason);
        return read.finish(transform).map_err(|problems| under(&prefix, problems));
    };
    let link: Box<dyn Transform> = Box::new(Conditional::new(transform, condition, negate));
    read.finish(link).map_err(|problems| under(&prefix, problems))
}

fn predicates(properties: &Properties, problems: &mut Vec<Problem>) -> BTreeMap<Arc<str>, Predicate> {
    let mut predicates = BTreeMap::new();
    for name in names(properties, "predicates", problems) {
        let prefix = format!("predicates.{name}.");
        let known: Vec<String> = predicate::CLASSES.iter().map(|class| (*class).to_owned()).collect();
        let built = class(properties, &prefix, &known).and_then(|class| match Predicate::keys(&class) {
            Some(_) => Predicate::build(&class, &options(properties, &prefix)).map_err(|found| under(&prefix, found)),
            None => Err(wrong_class(&prefix, &class, does_not_exist(&class, &known))),
        });
        match built {
            Ok(predicate) => drop(predicates.insert(name, predicate)),
            Err(found) => problems.extend(found.0),
        }
    }
    predicates
}

/// The class that `…type` names.
fn class(properties: &Properties, prefix: &str, known: &[String]) -> Result<String, Problems> {
    let key = format!("{prefix}{TYPE}");
    let class = properties.get(&key).map(|class| class.trim()).filter(|class| !class.is_empty());
    let missing = || Problems(vec![Problem::new(&*key, format!("is required; there are {}", known.join(", ")))]);
    class.map(str::to_owned).ok_or_else(missing)
}

fn does_not_exist(class: &str, known: &[String]) -> String {
    let meant = did_you_mean(class, known.iter().map(String::as_str));
    format!("does not exist here; there are {}{meant}", known.join(", "))
}

fn wrong_class(prefix: &str, class: &str, reason: String) -> Problems {
    Problems(vec![Problem::new(format!("{prefix}{TYPE}"), reason).with_value(class)])
}

/// The properties with that prefix, without it.
fn options(properties: &Properties, prefix: &str) -> Properties {
    Reader::new(properties, &[]).family(prefix)
}

/// The same problems, under their full keys.
fn under(prefix: &str, problems: Problems) -> Problems {
    Problems(
        problems.0.into_iter().map(|problem| Problem { key: format!("{prefix}{}", problem.key), ..problem }).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Headers, Record};

    fn properties(text: &str) -> Properties {
        let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    const UNWRAP: &str = "transforms=unwrap transforms.unwrap.type=io.debezium.transforms.ExtractNewRecordState";

    fn tombstone(topic: &str) -> Record {
        let (key, value, headers) = (None, None, Headers::default());
        Record { topic: topic.into(), partition: None, key, value, headers, ts_ms: None, offset: None }
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let problems = build_chain(&properties(
            "transforms=a,b,c,a transforms.a.type=io.debezium.transforms.ExtractNewRecordStat \
             transforms.c.type=ExtractNewRecordState transforms.c.predicate=p transforms.c.negate=maybe \
             predicates=q predicates.q.type=TopicNameMatches predicates.q.pattern=(",
        ))
        .err()
        .unwrap()
        .to_string();
        for expected in [
            "transforms=\"a,b,c,a\": names \"a\" twice",
            "did you mean \"io.debezium.transforms.ExtractNewRecordState\"?",
            "transforms.b.type: is required",
            "transforms.c.predicate=\"p\": is no predicate of this connector; `predicates` names none",
            "transforms.c.negate=\"maybe\"",
            "predicates.q.pattern=\"(\": is no regular expression",
        ] {
            assert!(problems.contains(expected), "{expected} is not in:\n{problems}");
        }
    }

    #[test]
    fn a_transform_works_where_its_predicate_holds() {
        let predicate = "predicates=p predicates.p.type=TopicNameMatches predicates.p.pattern=shop\\..*";
        for (negate, shop_passes) in [("false", false), ("true", true)] {
            let text = format!("{UNWRAP} transforms.unwrap.predicate=p transforms.unwrap.negate={negate} {predicate}");
            let mut chain = build_chain(&properties(&text)).ok().unwrap();
            let mut passes = |topic| crate::transform::apply_all(&mut chain, tombstone(topic)).unwrap().is_some();
            assert_eq!(passes("shop.orders"), shop_passes);
            assert_eq!(passes("my.shop.orders"), !shop_passes);
        }
    }

    #[test]
    fn a_short_name_is_enough_where_one_class_has_it() {
        const MAKE: fn(&Arc<str>, &Properties) -> Built = |_, _| Err(Problems::default());
        const AMONG: &[Builder] =
            &[super::super::whole("a.Filter", &[], MAKE), super::super::whole("b.Filter", &[], MAKE)];
        assert!(find("ExtractNewRecordState").is_ok() && find("Cast$Key").is_ok());
        assert!(find_among(AMONG, "b.Filter").is_ok());
        let reason = find_among(AMONG, "Filter").err().unwrap();
        assert_eq!(reason, "is the short name of several classes; write one of a.Filter, b.Filter");
    }

    #[test]
    fn keys_that_mean_nothing_are_found() {
        let text = format!(
            "{UNWRAP} transforms.unwrap.add.field=x transforms.unwrap.add.fields=op transforms.unwrap.negate=true \
             transforms.other.type=x transforms.other.y=z predicates=p predicates.p.type=RecordIsTombstone predicates.p.name=n \
             predicates.p.plugin.version=4 transforms.unwrap.plugin.version=4"
        );
        let expected =
            ["predicates.p.name", "transforms.other.type", "transforms.other.y", "transforms.unwrap.add.field"];
        assert_eq!(unknown_keys(&properties(&text)), expected);
    }
}
