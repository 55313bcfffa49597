use super::*;
use crate::config::Properties;
use crate::config::adjust::NameAdjustment;
use crate::data::{Field, Kind};
use crate::event::Key;
use crate::record::Run;
use crate::source::SourceError;
use crate::source::postgres::PostgresConfig;
use crate::source::table::{Identity, SourceBlock, table};

fn described(name: &str, fields: Vec<Field>) -> Described {
    let topic: Arc<str> = format!("p.{name}").into();
    let id = Field::new("id", Schema::of(Kind::Int32));
    let key = Key { columns: vec![0], schema: Arc::new(Schema::structure(format!("{topic}.Key"), vec![id.clone()])) };
    let source = SourceBlock::new("postgresql", "p", vec![]).schema;
    let fields = std::iter::once(id).chain(fields).collect();
    let identity = Identity { id: name, topic: &topic, source: &source, tag: None };
    Described { name: name.into(), forms: Ok(vec![table(identity, fields, Some(key), NameAdjustment::None).into()]) }
}

fn text(name: &str) -> Field {
    Field::new(name, Schema::of(Kind::Text))
}

/// What these tables and these properties make.
fn contract(tables: Vec<Described>, more: &str) -> Contract {
    let base = "topic.prefix=p database.hostname=h database.user=u database.dbname=d";
    let pairs = base.split(' ').chain(more.split_whitespace()).filter_map(|pair| pair.split_once('='));
    let properties: Properties = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let common = PostgresConfig::read(&properties).unwrap().common;
    let run = Run {
        prefix: "p".into(),
        connector: "postgresql",
        tombstones: true,
        context_headers: true,
        heartbeat_topic: common.naming.heartbeat(),
        transaction_topic: common.naming.transaction(),
    };
    let names = Names { connector: "postgresql", server: "p".into(), database: Some("d".into()) };
    let walk = Walk::new(Records::new(run), transform::build_chain(&properties).ok().unwrap(), names);
    walk.contract(&Description { tables, own: vec![] }, &common)
}

fn told(contract: &Contract) -> Vec<String> {
    let name = |clause: &Clause| clause.schema.name.clone().unwrap_or_default();
    contract
        .clauses
        .iter()
        .map(|clause| format!("{} {} {} {}", clause.origin, clause.topic, clause.part.name(), name(clause)))
        .collect()
}

const UNWRAP: &str = "transforms=u transforms.u.type=ExtractNewRecordState";

#[test]
fn tables_have_keys_and_envelopes_and_the_connector_its_own_records() {
    let more = "heartbeat.interval.ms=1 provide.transaction.metadata=true";
    let found = contract(vec![described("s.t", vec![text("a")])], more);
    let common = "io.debezium.connector.common";
    let expected = [
        "s.t p.s.t key p.s.t.Key".to_owned(),
        "s.t p.s.t value p.s.t.Envelope".to_owned(),
        format!("transactions p.transaction key {common}.TransactionMetadataKey"),
        format!("transactions p.transaction value {common}.TransactionMetadataValue"),
        format!("heartbeats __debezium-heartbeat.p key {common}.ServerNameKey"),
        format!("heartbeats __debezium-heartbeat.p value {common}.Heartbeat"),
    ];
    assert_eq!(told(&found), expected);
    assert!(found.refused.is_empty() && found.unknown.is_empty(), "{found:?}");
}

#[test]
fn transforms_change_schemas_and_deletes_may_have_others() {
    let of = |more: &str| contract(vec![described("s.t", vec![text("a")])], &format!("{UNWRAP} {more}"));
    assert_eq!(told(&of("")), ["s.t p.s.t key p.s.t.Key", "s.t p.s.t value p.s.t.Value"]);
    let rewritten = of("transforms.u.delete.tombstone.handling.mode=rewrite");
    let fields =
        |clause: &Clause| clause.schema.fields().iter().map(|field| field.name.to_string()).collect::<Vec<_>>();
    assert_eq!(rewritten.clauses.iter().map(fields).collect::<Vec<_>>(), [vec!["id"], vec!["id", "a", "__deleted"]]);
}

#[test]
fn a_topic_of_values_is_not_known() {
    let found = contract(vec![described("s.t", vec![text("a")])], &format!("{UNWRAP} transforms.u.route.by.field=a"));
    assert!(found.unknown[0].reason.contains("depends on the row's values"), "{found:?}");
    // Where the column may be null, rows may stay where they are.
    let optional = Field::new("a", Schema::of(Kind::Text).optional());
    let found = contract(vec![described("s.t", vec![optional])], &format!("{UNWRAP} transforms.u.route.by.field=a"));
    assert_eq!(told(&found), ["s.t p.s.t key p.s.t.Key", "s.t p.s.t value p.s.t.Value"]);
    assert_eq!(found.unknown.len(), 1);
}

#[test]
fn what_would_stop_the_connector_is_refused() {
    let route = format!("{UNWRAP} transforms.u.route.by.field=gone");
    let found = contract(vec![described("s.t", vec![text("a")])], &route);
    assert!(found.refused[0].reason.contains("has no field \"gone\""), "{found:?}");
    let unsupported = SourceError::UnsupportedType { table: "s.u".into(), column: "c".into(), kind: "tsvector".into() };
    let refused = Described { name: "s.u".into(), forms: Err(unsupported) };
    let found = contract(vec![refused, described("s.t", vec![])], "");
    assert_eq!((found.refused[0].origin.as_str(), found.clauses.len()), ("s.u", 2));
    assert!(found.refused[0].reason.contains("tsvector"));
}

#[test]
fn a_null_has_no_schema() {
    let tombstones =
        "predicates=p predicates.p.type=RecordIsTombstone transforms.u.predicate=p transforms.u.negate=true";
    let only_deletes =
        contract(vec![described("s.t", vec![])], &format!("skipped.operations=c,u,t {UNWRAP} {tombstones}"));
    // The delete became a null with the row's schema, which is no clause; what a snapshot reads is one.
    assert_eq!(told(&only_deletes), ["s.t p.s.t key p.s.t.Key", "s.t p.s.t value p.s.t.Value"]);
}
