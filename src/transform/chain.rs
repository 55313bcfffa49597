//! Connect's grammar of transforms: `transforms`, `transforms.NAME.type`, options, predicates.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::predicate::{self, Conditional, Predicate};
use super::{BUILDERS, Builder, Transform, short_name};
use crate::config::problem::did_you_mean;
use crate::config::{Key, KeyKind, Problem, Problems, Properties, Reader};

/// What every transform has beside its own options.
const COMMON: &[Key] = &[
    Key::new("type", KeyKind::Class, "The transform's class"),
    Key::new("predicate", KeyKind::String, "The predicate that says on which records it works"),
    Key::new("negate", KeyKind::Boolean, "Whether it works where the predicate does not hold").default("false"),
];

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
                "transforms" => builder(class).map(|builder| builder.keys),
                _ => Predicate::keys(class),
            });
            let common = COMMON.iter().filter(|key| list == "transforms" || key.name == "type");
            // An unknown class is a problem of its own, and says nothing of its options.
            let is_option = keys.is_none_or(|keys| keys.iter().chain(common).any(|key| key.covers(option)));
            if !is_option || !listed.iter().any(|listed| **listed == *name) {
                unknown.push(key.clone());
            }
        }
    }
    unknown
}

fn builder(class: &str) -> Option<&'static Builder> {
    let named = |builder: &&Builder| builder.class == class || short_name(builder.class) == class;
    BUILDERS.iter().find(named)
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
    let classes: Vec<&str> = BUILDERS.iter().map(|builder| builder.class).collect();
    let class = class(properties, &prefix, &classes)?;
    let builder = builder(&class).ok_or_else(|| unknown_class(&prefix, &class, &classes))?;
    let options = options(properties, &prefix);
    let transform = (builder.build)(name, &options).map_err(|problems| under(&prefix, problems))?;
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
    let link: Box<dyn Transform> = Box::new(Conditional { transform, predicate: condition, negate });
    read.finish(link).map_err(|problems| under(&prefix, problems))
}

fn predicates(properties: &Properties, problems: &mut Vec<Problem>) -> BTreeMap<Arc<str>, Predicate> {
    let mut predicates = BTreeMap::new();
    for name in names(properties, "predicates", problems) {
        let prefix = format!("predicates.{name}.");
        let built = class(properties, &prefix, predicate::CLASSES).and_then(|class| match Predicate::keys(&class) {
            Some(_) => Predicate::build(&class, &options(properties, &prefix)).map_err(|found| under(&prefix, found)),
            None => Err(unknown_class(&prefix, &class, predicate::CLASSES)),
        });
        match built {
            Ok(predicate) => drop(predicates.insert(name, predicate)),
            Err(found) => problems.extend(found.0),
        }
    }
    predicates
}

/// The class that `…type` names.
fn class(properties: &Properties, prefix: &str, known: &[&str]) -> Result<String, Problems> {
    let key = format!("{prefix}type");
    let class = properties.get(&key).map(|class| class.trim()).filter(|class| !class.is_empty());
    let missing = || Problems(vec![Problem::new(&*key, format!("is required; there are {}", known.join(", ")))]);
    class.map(str::to_owned).ok_or_else(missing)
}

fn unknown_class(prefix: &str, class: &str, known: &[&str]) -> Problems {
    let meant = did_you_mean(class, known.iter().copied());
    let reason = format!("does not exist here; there are {}{meant}", known.join(", "));
    Problems(vec![Problem::new(format!("{prefix}type"), reason).with_value(class)])
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
    fn keys_that_mean_nothing_are_found() {
        let text = format!(
            "{UNWRAP} transforms.unwrap.add.field=x transforms.unwrap.add.fields=op transforms.unwrap.negate=true \
             transforms.other.type=x transforms.other.y=z predicates=p predicates.p.type=RecordIsTombstone predicates.p.name=n"
        );
        let expected =
            ["predicates.p.name", "transforms.other.type", "transforms.other.y", "transforms.unwrap.add.field"];
        assert_eq!(unknown_keys(&properties(&text)), expected);
    }
}
