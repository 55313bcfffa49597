use std::sync::Arc;

use super::shape::{Nulls, Refusal, Reshape, Reshaper, Side, row_of};
use super::{BUILDERS, Build, Built, Transform, predicate, sided};
use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Field, Kind, Schema, Value};
use crate::record::{Headers, Record};

// The example of ARCHITECTURE.md.
/// The options.
pub(super) const KEYS: &[Key] = &[Key::new("fields", KeyKind::List, "The fields").required()];

/// Text fields in capital letters.
struct Upper {
    fields: Vec<String>,
}

/// Makes one.
pub(super) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let upper = Upper { fields: read.list("fields") };
    read.finish(Reshaper::boxed(name, side, upper))
}

impl Reshape for Upper {
    /// Where the fields stand.
    type Plan = Vec<usize>;
    const NULLS: Nulls = Nulls::Pass;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Vec<usize>), Refusal> {
        let place = |name: &String| schema.index_of(name).ok_or_else(|| Refusal::Missing(name.clone()));
        Ok((Arc::clone(schema), self.fields.iter().map(place).collect::<Result<_, _>>()?))
    }

    fn reshape(&self, places: &Vec<usize>, value: Value, _record: &mut Record) -> Result<Value, Refusal> {
        let mut row = row_of(value)?;
        for place in places {
            if let Some(Value::Text(text)) = row.get_mut(*place) {
                *text = text.as_str().to_uppercase().into();
            }
        }
        Ok(Value::Struct(row))
    }
}
// The end of the example.

fn upper(fields: &str) -> Box<dyn Transform> {
    let Build::Sided(build) = sided("io.rowtide.transforms.Upper", KEYS, build).build else { panic!() };
    build(&"u".into(), &Properties::from([("fields".to_owned(), fields.to_owned())]), Side::Value).ok().unwrap()
}

#[test]
fn the_example_works() {
    let schema: Arc<Schema> = Schema::of(Kind::Struct(vec![Field::new("a", Schema::of(Kind::Text))])).into();
    let record = |value| Record {
        topic: "topic".into(),
        partition: None,
        key: None,
        value: Some(Datum { schema: Arc::clone(&schema), value }),
        headers: Headers::default(),
        ts_ms: None,
        offset: None,
    };
    let row = |text: &'static str| Value::Struct([Value::text(text)].into());
    let changed = upper("a").apply(record(row("x"))).unwrap().unwrap();
    assert_eq!(changed.value.unwrap().value, row("X"));
    let refused = upper("b").apply(record(row("x"))).unwrap_err().to_string();
    assert_eq!(refused, "transform u: topic topic has no field \"b\"");
}

#[test]
fn the_docs_show_the_example_as_it_is() {
    let this = include_str!("example_tests.rs");
    let (_, rest) = this.split_once("// The example of ARCHITECTURE.md.\n").unwrap();
    let (example, _) = rest.split_once("// The end of the example.").unwrap();
    assert!(include_str!("../ARCHITECTURE.md").contains(example), "ARCHITECTURE.md shows another example");
}

#[test]
fn the_readme_lists_every_transform_and_predicate() {
    let readme = include_str!("../../README.md");
    for builder in BUILDERS {
        let forms = match builder.build {
            Build::Whole(_) => vec![builder.class.to_owned()],
            Build::Sided(_) => vec![format!("{}$Key", builder.class), format!("{}$Value", builder.class)],
        };
        let has_row = forms.iter().any(|form| readme.contains(&format!("\n| `{form}` | ")));
        // It is known only to be refused.
        assert!(has_row || builder.class.ends_with(".TimescaleDb"), "README.md has no row of {}", builder.class);
    }
    for class in predicate::CLASSES {
        let name = super::short_name(class);
        assert!(readme.contains(&format!("`{name}`")), "README.md does not name {name}");
    }
}
