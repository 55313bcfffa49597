//! What is made once of a record's schema and its source block's: the attributes of its events, and the schema of their data.

use std::sync::Arc;

use super::options::{Metadata, Options, Origin, Serializer};
use crate::convert::Fault;
use crate::convert::json::{self, text};
use crate::data::{Datum, Field, Kind, Schema, Text, Value};

/// What extension attributes begin with.
const EXTENSION: &str = "iodebezium";

/// A field of a struct, and what stands for its null (`Struct.get`).
#[derive(Debug)]
pub(super) struct Place {
    place: usize,
    default: Option<Value>,
}

impl Place {
    fn of(schema: &Schema, place: usize) -> Self {
        let default = schema.fields().get(place).and_then(|field| field.schema.default.clone());
        Self { place, default }
    }

    fn named(schema: &Schema, name: &str) -> Result<Self, Fault> {
        match schema.index_of(name) {
            Some(place) => Ok(Self::of(schema, place)),
            None => Err(Fault::new(format!("there is no field {name}"))),
        }
    }

    pub(super) fn value<'a>(&'a self, values: &'a [Value]) -> &'a Value {
        match values.get(self.place).unwrap_or(&Value::Null) {
            Value::Null => self.default.as_ref().unwrap_or(&Value::Null),
            value => value,
        }
    }
}

/// Where an event's parts stand in the value.
#[derive(Debug)]
pub(super) struct Layout {
    /// Of an envelope: its source block, operation and transaction. `None`: headers have them.
    pub(super) envelope: Option<Envelope>,
    /// What was made for the source block that came last.
    pub(super) made: Option<(Plan, Named)>,
}

#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) source: Place,
    pub(super) source_schema: Arc<Schema>,
    pub(super) op: Place,
    pub(super) transaction: Option<Place>,
}

impl Layout {
    pub(super) fn compile(schema: &Schema, in_headers: bool) -> Result<Self, Fault> {
        if !matches!(schema.kind, Kind::Struct(_)) {
            return Err(Fault::new(format!("an event is made of a STRUCT, the value is {}", schema.kind.name())));
        }
        if in_headers {
            return Ok(Self { envelope: None, made: None });
        }
        let source = Place::named(schema, "source")?;
        let source_schema = schema.fields().get(source.place).map(|field| Arc::clone(&field.schema));
        let envelope = Envelope {
            source_schema: source_schema.ok_or_else(|| Fault::new("there is no field source".to_owned()))?,
            source,
            op: Place::named(schema, "op")?,
            transaction: schema.index_of("transaction").map(|place| Place::of(schema, place)),
        };
        Ok(Self { envelope: Some(envelope), made: None })
    }
}

/// How events are made of the records of one schema, from one connector.
#[derive(Debug)]
pub(super) struct Plan {
    source_schema: Arc<Schema>,
    connector: (Place, Box<str>),
    data_name: Option<Box<str>>,
    name: Place,
    db: Place,
    pub(super) time: Place,
    /// What the id says of each field.
    pub(super) id: Box<[(&'static str, Place)]>,
    pub(super) attributes: Box<[Attribute]>,
    pub(super) data: Data,
}

/// What depends on the names of server and database, which are the same in all records of a table.
#[derive(Debug)]
pub(super) struct Named {
    name: Box<str>,
    db: Box<str>,
    /// The attribute `source`.
    pub(super) uri: Text,
    /// The schema of events, where they are Avro.
    pub(super) schema: Option<Arc<Schema>>,
}

/// An attribute of an event.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: Arc<str>,
    /// `,"name":`; the first one has a brace for the comma.
    pub(super) prefix: Box<[u8]>,
    pub(super) what: What,
    kind: Kind,
    pub(super) optional: bool,
}

/// Where the value of an attribute comes from.
#[derive(Debug)]
pub(super) enum What {
    Id,
    Source,
    /// The type, from a header.
    Type,
    Time,
    /// Where the schema of the data can be read.
    DataSchema,
    Trace,
    Op,
    Always(Text),
    OfSource(Place),
    /// A field of the transaction block, by its place.
    OfTransaction(usize),
}

impl Plan {
    pub(super) fn compile(
        schema: &Schema,
        source: (&Arc<Schema>, &[Value]),
        data_name: Option<&str>,
        options: &Options,
    ) -> Result<Self, Fault> {
        let (source_schema, values) = source;
        let field = |name: &str| Place::named(source_schema, name).map_err(|fault| fault.within("source"));
        let connector = field("connector")?;
        let kind: Box<str> = match connector.value(values) {
            Value::Text(kind) => kind.as_str().into(),
            _ => return Err(Fault::new("there is no name of a connector".to_owned()).within("source.connector")),
        };
        let parts: &[(&'static str, &str)] = match &*kind {
            "postgresql" => &[("name:", "name"), (";lsn:", "lsn"), (";txId:", "txId"), (";sequence:", "sequence")],
            "mysql" | "mariadb" => &[("name:", "name"), (";file:", "file"), (";pos:", "pos")],
            _ => return Err(Fault::new(format!("no events are made of records of the connector {kind:?}"))),
        };
        let id = match options.metadata.id {
            Origin::Header => Box::default(),
            _ => parts.iter().map(|(part, name)| Ok((*part, field(name)?))).collect::<Result<_, Fault>>()?,
        };
        let generated = format!("io.debezium.connector.{kind}.Data");
        Ok(Self {
            data: Data::compile(schema, data_name.unwrap_or(&generated), options)?,
            attributes: attributes(&kind, source_schema, options)?,
            data_name: data_name.map(Into::into),
            name: field("name")?,
            db: field("db")?,
            time: field("ts_ms")?,
            id,
            connector: (connector, kind),
            source_schema: Arc::clone(source_schema),
        })
    }

    /// Whether it was made for such records.
    pub(super) fn fits(&self, (schema, values): (&Arc<Schema>, &[Value]), data_name: Option<&str>) -> bool {
        let (place, connector) = &self.connector;
        Arc::ptr_eq(&self.source_schema, schema)
            && matches!(place.value(values), Value::Text(text) if *text.as_str() == **connector)
            && self.data_name.as_deref() == data_name
    }

    /// What depends on the names in the source block.
    pub(super) fn named(&self, values: &[Value], options: &Options) -> Result<Named, Fault> {
        let Some((name, db)) = self.names(values) else {
            return Err(Fault::new("there is no name of a server".to_owned()).within("source.name"));
        };
        Ok(Named {
            uri: format!("/debezium/{}/{name}", self.connector.1).into(),
            schema: (options.events == Serializer::Avro).then(|| self.events(name, db, options).into()),
            name: name.into(),
            db: db.into(),
        })
    }

    /// Whether that is what it was made of.
    pub(super) fn is_named(&self, named: &Named, values: &[Value]) -> bool {
        self.names(values).is_some_and(|(name, db)| *named.name == *name && *named.db == *db)
    }

    /// The server's and the database's.
    fn names<'a>(&'a self, values: &'a [Value]) -> Option<(&'a str, &'a str)> {
        let Value::Text(name) = self.name.value(values) else { return None };
        let db = match self.db.value(values) {
            Value::Text(db) => db.as_str(),
            _ => "null",
        };
        Some((name.as_str(), db))
    }

    /// The schema of events.
    fn events(&self, name: &str, db: &str, options: &Options) -> Schema {
        let generated = format!("{name}.{db}.CloudEvents.Envelope");
        let name = options.adjustment.schema(options.name.as_deref().unwrap_or(&generated));
        let field = |attribute: &Attribute| {
            let schema = Schema { optional: attribute.optional, ..Schema::of(attribute.kind.clone()) };
            Field::new(Arc::clone(&attribute.name), schema)
        };
        let mut fields: Vec<Field> = self.attributes.iter().map(field).collect();
        fields.push(Field::new("data", Schema::of(Kind::Bytes)));
        Schema::structure(&*name, fields)
    }
}

/// The attributes, in Debezium's order (`CloudEventsConverter.convertToCloudEventsFormat`).
fn attributes(connector: &str, source: &Schema, options: &Options) -> Result<Box<[Attribute]>, Fault> {
    let mut all = Attributes(Vec::with_capacity(32));
    let kind = match options.metadata.kind {
        Origin::Header => What::Type,
        _ => What::Always(format!("io.debezium.connector.{connector}.DataChangeEvent").into()),
    };
    let content = match options.data {
        Serializer::Json => "application/json",
        Serializer::Avro => "application/avro",
    };
    all.text("id", What::Id);
    all.text("source", What::Source);
    all.text("specversion", What::Always(Text::from_static("1.0")));
    all.text("type", kind);
    all.text("time", What::Time);
    all.text("datacontenttype", What::Always(Text::from_static(content)));
    if options.data == Serializer::Avro {
        all.text("dataschema", What::DataSchema);
    }
    if options.trace {
        all.text("traceparent", What::Trace);
    }
    if options.extensions {
        all.text(&extension("op"), What::Op);
        for (place, field) in source.fields().iter().enumerate() {
            let kind = match field.schema.kind {
                Kind::Bool => Kind::Bool,
                Kind::Int8 | Kind::Int16 | Kind::Int32 => Kind::Int32,
                Kind::Text | Kind::Int64 => Kind::Text,
                _ => {
                    let reason = format!("a {} cannot be an attribute of an event", field.schema.kind.name());
                    return Err(Fault::new(reason).within(format!("source.{}", field.name)));
                }
            };
            let what = What::OfSource(Place::of(source, place));
            all.push(&extension(&field.name), what, kind, field.schema.optional);
        }
        for (place, name) in ["id", "total_order", "data_collection_order"].into_iter().enumerate() {
            all.push(&extension(&format!("tx{name}")), What::OfTransaction(place), Kind::Text, true);
        }
    }
    let Attributes(all) = all;
    let is_twice = |place: &usize| {
        let (before, rest) = all.split_at(*place);
        rest.first().is_some_and(|later| before.iter().any(|earlier| earlier.name == later.name))
    };
    if let Some(twice) = (0..all.len()).find(is_twice).and_then(|place| all.get(place)) {
        return Err(Fault::new(format!("two fields of the source block become the attribute {}", twice.name)));
    }
    Ok(all.into())
}

struct Attributes(Vec<Attribute>);

impl Attributes {
    fn text(&mut self, name: &str, what: What) {
        self.push(name, what, Kind::Text, false);
    }

    fn push(&mut self, name: &str, what: What, kind: Kind, optional: bool) {
        let mut prefix = vec![if self.0.is_empty() { b'{' } else { b',' }];
        text::write(&mut prefix, name);
        prefix.push(b':');
        self.0.push(Attribute { name: name.into(), prefix: prefix.into(), what, kind, optional });
    }
}

/// The name of an extension attribute: letters and digits only.
fn extension(name: &str) -> String {
    EXTENSION.chars().chain(name.chars().filter(char::is_ascii_alphanumeric)).collect()
}

/// The data of an event.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) schema: Arc<Schema>,
    places: Box<[Place]>,
    /// Where it is JSON.
    json: Option<json::Plan>,
}

impl Data {
    /// Of an envelope the row before and after; all of another value, whose source block is in headers.
    fn compile(schema: &Schema, name: &str, options: &Options) -> Result<Self, Fault> {
        let Metadata { in_headers, .. } = options.metadata;
        let places: Vec<Place> = if in_headers {
            (0..schema.fields().len()).map(|place| Place::of(schema, place)).collect()
        } else {
            ["before", "after"].into_iter().map(|name| Place::named(schema, name)).collect::<Result<_, _>>()?
        };
        let fields = places.iter().filter_map(|place| schema.fields().get(place.place).cloned()).collect();
        let schema = Schema::structure(name, fields);
        let json = match options.data {
            Serializer::Json => {
                Some(json::Plan::compile(&schema, options.style).map_err(|fault| fault.within("data"))?)
            }
            Serializer::Avro => None,
        };
        Ok(Self { schema: schema.into(), places: places.into(), json })
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn value<'a>(&'a self, datum: &'a Datum, place: usize) -> &'a Value {
        let values = values_of(&datum.value);
        self.places.get(place).map_or(&Value::Null, |place| place.value(values))
    }

    pub(super) fn write_json(&self, out: &mut Vec<u8>, datum: &Datum) -> Result<(), Fault> {
        let values = values_of(&datum.value);
        match &self.json {
            Some(plan) => plan.write_fields(out, self.places.iter().map(|place| place.value(values))),
            None => Ok(()),
        }
    }
}

/// The values of a struct; none of anything else.
pub(super) fn values_of(value: &Value) -> &[Value] {
    match value {
        Value::Struct(values) => values,
        _ => &[],
    }
}
