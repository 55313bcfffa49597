//! `/connector-plugins`: what there is, what its keys are, and what is wrong with a configuration.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::body::{Body, Flags, Name};
use super::connectors::Answer;
use super::error::{ApiError, told};
use super::{CONNECT_VERSION, Worker};
use crate::config::properties::{MASK, shown};
use crate::config::{KeyKind, Problem, Properties, placeholder};
use crate::connector::definition::{self, Definition};
use crate::connector::kind::Kind;
use crate::convert::{self, Converter};
use crate::runtime::{Checkup, Refusal};
use crate::source::table::VERSION;
use crate::transform;

/// A key of Debezium 3.6.1's whose value Debezium tells as null, where every other key has an object.
const WITHOUT_VALUE: &str = "internal.legacy.snapshot.max.threads";

/// `GET /connector-plugins?connectorsOnly=…`
pub(super) async fn list(flags: Flags) -> Json<Value> {
    let plugin = |class: &str, kind: &str| json!({"class": class, "type": kind, "version": VERSION});
    let mut plugins: Vec<Value> = connectors().iter().map(|kind| plugin(kind.class(), "source")).collect();
    if flags.flag("connectorsOnly") == Some(false) {
        let mut transforms = transform::classes();
        transforms.sort();
        plugins.extend(transforms.iter().map(|class| plugin(class, "transformation")));
        plugins.extend(transform::predicate_classes().iter().map(|class| plugin(class, "predicate")));
        plugins.extend(convert::CLASSES.iter().map(|class| plugin(class, "converter")));
        plugins.extend(convert::HEADER_CLASSES.iter().map(|class| plugin(class, "header_converter")));
    }
    Json(plugins.into())
}

/// The connectors, in the order of their names.
fn connectors() -> Vec<Kind> {
    let mut kinds = Kind::ALL.to_vec();
    kinds.sort_by_key(|kind| kind.class());
    kinds
}

/// `GET /connector-plugins/NAME/config?version=…`
pub(super) async fn config(Name(name): Name, flags: Flags) -> Answer {
    let definitions = if let Ok(kind) = Kind::named(&name) {
        let mut definitions = definition::of_connector(kind);
        definitions.extend(definition::of_every_connector(kind));
        definitions
    } else {
        of_plugin(&name).ok_or_else(|| ApiError::not_found(format!("Unknown plugin {name}.")))?
    };
    // There is one version of everything; Connect's and Debezium's that these stand in for are as good.
    let is_other = |version: &&str| ![VERSION, CONNECT_VERSION, "latest", ""].contains(version);
    if let Some(version) = flags.all("version").into_iter().find(is_other)
        && !Kind::ALL.iter().any(|kind| kind.debezium_version() == version)
    {
        let message = format!(
            "Plugin {name} not found that matches the version range [{version},{version}], available versions: [{VERSION}]"
        );
        return Err(ApiError::bad_request(message));
    }
    Ok(Json(definitions.iter().map(definition_of).collect()))
}

/// The keys of a transform, a predicate or a converter.
fn of_plugin(name: &str) -> Option<Vec<Definition>> {
    if let Some(keys) = transform::keys_of(name) {
        return Some(definition::of_plugin(&transform::full_name(name), keys));
    }
    let is_named = |class: &&&str| **class == name || class.rsplit('.').next() == Some(name);
    let class = convert::CLASSES.iter().chain(convert::HEADER_CLASSES).find(is_named)?;
    Some(definition::of_converter("", class, &Converter::keys(class)))
}

/// `PUT /connector-plugins/NAME/config/validate`
pub(super) async fn validate(State(worker): State<Arc<Worker>>, Name(name): Name, body: Body) -> Answer {
    let draft = body.properties()?;
    let bare = |class: &str| {
        let short = class.strip_suffix("Connector").filter(|short| !short.is_empty());
        short.unwrap_or(class).to_owned()
    };
    if let Some(class) = draft.properties.get("connector.class")
        && !bare(class).ends_with(&bare(&name))
    {
        let message = format!("Included connector type {class} does not match request type {name}");
        return Err(ApiError::bad_request(message));
    }
    let connector = draft.properties.get("name").cloned().unwrap_or_default();
    let draft = worker.runtime.unmasked(&connector, draft);
    let checkup = worker.runtime.check(&draft).await.map_err(|refusal| match refusal {
        // A class that is not there is a fault of the client's, and yet this is Connect's answer.
        refusal @ Refusal::UnknownClass(_) => ApiError::refused(refusal, &connector, String::new).of_the_server(),
        refusal => ApiError::refused(refusal, &connector, String::new),
    })?;
    Ok(Json(checked(&worker, &checkup, &draft.properties)))
}

/// What was found, key by key.
fn checked(worker: &Worker, checkup: &Checkup, properties: &Properties) -> Value {
    let Checkup { kind, problems } = checkup;
    let links = links(properties);
    let mut groups = definition::groups(*kind);
    let mut place = definition::GROUPS.len();
    for (group, _) in links.iter().filter_map(|definition| definition.group.as_ref()) {
        if !groups.contains(group) {
            groups.insert(place, group.clone());
            place += 1;
        }
    }
    let framework: Vec<Definition> =
        definition::of_every_connector(*kind).into_iter().map(|definition| of_worker(worker, definition)).collect();
    let mut configs: Vec<Value> = Vec::new();
    let mut seen = BTreeSet::new();
    let converters = converters(properties);
    for definition in framework.iter().chain(&links).chain(&converters) {
        let value = properties.get(&*definition.name);
        // A value that is not of its type is none.
        let is_wrong = value.is_some_and(|value| !placeholder::is_all_of(value) && !definition.is_typed(value));
        let value = value.map(|value| Cow::Owned(shown_as(definition, value)));
        let value = value.or_else(|| definition.default.clone()).filter(|_| !is_wrong);
        configs.push(json!({
            "definition": definition_of(definition), "value": value_of(definition, value.as_deref(), problems),
        }));
        seen.insert(definition.name.to_string());
    }
    for definition in definition::of_connector(*kind) {
        seen.insert(definition.name.to_string());
        // Debezium tells what is wrong with a value, and never the value.
        let value = value_of(&definition, None, problems);
        let without = *kind != Kind::MariaDb && definition.name == WITHOUT_VALUE;
        configs.push(json!({
            "definition": definition_of(&definition), "value": if without { Value::Null } else { value },
        }));
    }
    let overrides = properties.keys().filter(|key| is_override(key));
    let others: BTreeSet<&str> =
        problems.iter().map(|problem| &problem.key).chain(overrides).map(String::as_str).collect();
    for key in others.into_iter().filter(|key| !seen.contains(*key)) {
        let value = properties.get(key).filter(|_| is_override(key)).map(|value| shown(key, value));
        let declared = definition::declared(*kind, key).map(Definition::of);
        let declared = declared.map(|definition| Definition { name: Cow::Owned(key.to_owned()), ..definition });
        configs.push(json!({
            "definition": declared.as_ref().map(definition_of),
            "value": {
                "name": key, "value": value, "recommended_values": [], "errors": errors(key, problems), "visible": true,
            },
        }));
    }
    json!({"name": kind.class(), "error_count": problems.len(), "groups": groups, "configs": configs})
}

/// Whether a key is a setting of one of the connector's Kafka clients, whose values are shown.
fn is_override(key: &str) -> bool {
    key.starts_with("producer.override.") || key.starts_with("admin.override.")
}

/// The keys of the converters that a configuration names.
fn converters(properties: &Properties) -> Vec<Definition> {
    let named = ["key", "value", "header"].into_iter().filter_map(|role| {
        let class = properties.get(&format!("{role}.converter"))?;
        // Connect's own has none.
        (!class.ends_with("SimpleHeaderConverter"))
            .then(|| definition::of_converter(role, class, &Converter::keys(class)))
    });
    named.flatten().collect()
}

/// A value as it may be shown: what is declared to be a secret is one, whatever its key's name.
fn shown_as(definition: &Definition, value: &str) -> String {
    if definition.kind == KeyKind::Password && !placeholder::is_all_of(value) {
        return MASK.to_owned();
    }
    shown(&definition.name, value)
}

/// What a key is when the worker's own settings are looked at too: its converters are the defaults.
fn of_worker(worker: &Worker, definition: Definition) -> Definition {
    let is_converter = definition.name.ends_with(".converter");
    let default = if is_converter {
        worker.runtime.worker().properties.get(&*definition.name).cloned().map(Cow::Owned)
    } else if definition.name.ends_with(".converter.plugin.version") {
        Some(CONNECT_VERSION.into())
    } else {
        definition.default.clone()
    };
    let values = match &*definition.name {
        "header.converter" => convert::HEADER_CLASSES.iter().map(|class| (*class).into()).collect(),
        _ if is_converter => convert::CLASSES.iter().map(|class| (*class).into()).collect(),
        "connector.plugin.version" => definition.values.clone(),
        name if name.ends_with(".plugin.version") => vec![CONNECT_VERSION.into()],
        // Connect checks the others' values, and recommends none.
        _ => Vec::new(),
    };
    Definition { default, values, ..definition }
}

/// The keys of the transforms and predicates that a configuration lists.
fn links(properties: &Properties) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for list in ["transforms", "predicates"] {
        for name in transform::names_in(properties, list) {
            let class = properties.get(&format!("{list}.{name}.type"));
            let keys = class.and_then(|class| transform::keys_of(class));
            let class = class.filter(|_| keys.is_some()).map(|class| transform::full_name(class));
            let mut of_link = definition::of_link(list, &name, class.as_deref(), keys.unwrap_or_default());
            if let Some(class) = of_link.first_mut() {
                class.values = if list == "transforms" {
                    transform::classes().into_iter().map(Cow::Owned).collect()
                } else {
                    transform::predicate_classes().iter().map(|class| Cow::Borrowed(*class)).collect()
                };
            }
            definitions.extend(of_link);
        }
    }
    definitions
}

fn definition_of(definition: &Definition) -> Value {
    json!({
        "name": definition.name,
        "type": definition.kind.name(),
        "required": definition.required,
        "default_value": definition.default,
        "importance": definition.importance.name(),
        "documentation": definition.doc,
        "group": definition.group.as_ref().map(|(group, _)| group),
        "width": definition.width.name(),
        "display_name": definition.display_name(),
        "dependents": definition.dependents,
        "order_in_group": definition.group.as_ref().map_or(1, |(_, place)| *place),
    })
}

fn value_of(definition: &Definition, value: Option<&str>, problems: &[Problem]) -> Value {
    json!({
        "name": definition.name,
        "value": value,
        "recommended_values": definition.values,
        "errors": errors(&definition.name, problems),
        "visible": true,
    })
}

fn errors(key: &str, problems: &[Problem]) -> Vec<String> {
    problems.iter().filter(|problem| problem.key == key).map(told).collect()
}

/// Connect's words for a class that does not exist.
pub(super) fn no_such_class(class: &str) -> String {
    let known: Vec<String> = connectors()
        .iter()
        .map(|kind| {
            let name = kind.class();
            format!(
                "PluginDesc{{klass=class {name}, name='{name}', version='{VERSION}', encodedVersion={VERSION}, type=source, \
                 typeName='source', location='classpath'}}"
            )
        })
        .collect();
    format!(
        "Failed to find any class that implements Connector and which name matches {class}, available connectors are: {}",
        known.join(", ")
    )
}
