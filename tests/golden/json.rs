//! The JSON converter makes the same bytes of Debezium's records as Connect's.

use rowtide::config::Properties;
use rowtide::convert::Converter;
use rowtide::record::Headers;

use super::connect::Schemas;
use super::{recorded, variants};

fn json(options: &[(&str, &str)]) -> Converter {
    let options: Properties = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Converter::build("value.converter", "org.apache.kafka.connect.json.JsonConverter", &options).unwrap()
}

#[tokio::test]
async fn keys_and_values_come_out_byte_for_byte() {
    let mut schemas = Schemas::default();
    let (mut with_schemas, mut without) = (json(&[]), json(&[("schemas.enable", "false")]));
    let mut messages = 0;
    for variant in variants() {
        for record in recorded(&variant) {
            for message in [&record.key, &record.value] {
                let Some(datum) = schemas.datum(message) else { continue };
                let place = || format!("{variant}, {}", record.topic);
                let written =
                    with_schemas.encode(&record.topic, Some(&datum), &Headers::default()).await.unwrap().unwrap();
                assert_eq!(str::from_utf8(&written).unwrap(), message.get(), "{}", place());
                let bare = without.encode(&record.topic, Some(&datum), &Headers::default()).await.unwrap().unwrap();
                let payload = format!("\"payload\":{}}}", str::from_utf8(&bare).unwrap());
                assert!(message.get().ends_with(&payload), "{}", place());
                messages += 1;
            }
        }
    }
    assert!(messages > 300, "only {messages} messages have schemas");
}
