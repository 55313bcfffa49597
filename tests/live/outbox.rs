//! A service writes an order and its event in one transaction; the event router makes one message of the event.

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::seconds;
use crate::support::server::{self, Server};

/// Topic, key, value and the headers that are the event's own.
fn message(record: &Record) -> Value {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let own = record.headers.iter().filter(|(name, _)| !name.starts_with("__debezium."));
    let headers: Vec<_> = own.map(|(name, value)| json!([name, text(value)])).collect();
    json!([record.topic, text(&record.key), record.value_json(), headers])
}

/// The context of the trace that an order belongs to.
fn trace(order: i32) -> String {
    format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba9{order:04}-01")
}

fn one_message_for_each_transaction(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    let json_type = if database.is_postgres() { "jsonb" } else { "json" };
    session.execute("CREATE TABLE orders (id int PRIMARY KEY, total int NOT NULL)");
    session.execute(&format!(
        "CREATE TABLE outbox (id varchar(40) PRIMARY KEY, aggregatetype varchar(40) NOT NULL, \
         aggregateid varchar(40) NOT NULL, type varchar(40) NOT NULL, payload {json_type}, \
         tracingspancontext varchar(200))"
    ));
    let connector = database.connector(&json!({
        "table.include.list": r".*\.outbox",
        "transforms": "outbox",
        "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.outbox.table.fields.additional.placement": "type:header:event-type",
        "transforms.outbox.table.expand.json.payload": "true",
        "transforms.outbox.route.topic.replacement": format!("{name}.${{routedByValue}}.events"),
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }));
    let broker = server::kafka();
    let daemon = Setup::new().connector(&connector).set("bootstrap.servers", &broker.address()).start();
    daemon.says("streaming", seconds(60));
    let write = |session: &mut crate::support::database::Session, order: i32, end: &str| {
        session.execute("BEGIN");
        session.execute(&format!("INSERT INTO orders VALUES ({order}, 42)"));
        let trace = trace(order);
        let event = format!(
            "'event-{order}', 'Order', '{order}', 'OrderCreated', '{{\"id\": {order}, \"total\": 42}}', \
             'traceparent={trace}'"
        );
        session.execute(&format!("INSERT INTO outbox VALUES ({event})"));
        // Debezium's users delete the event at once, so that the table stays empty.
        session.execute(&format!("DELETE FROM outbox WHERE id = 'event-{order}'"));
        session.execute(end);
    };
    write(&mut session, 1, "COMMIT");
    write(&mut session, 2, "ROLLBACK");
    write(&mut session, 3, "COMMIT");
    let expected: Vec<Value> = [1, 3]
        .map(|order| {
            let id = format!("event-{order}");
            let headers = json!([["traceparent", trace(order)], ["id", id], ["event-type", "OrderCreated"]]);
            json!([format!("{name}.Order.events"), order.to_string(), {"id": order, "total": 42}, headers])
        })
        .to_vec();
    let mut reader = Reader::new(broker, &format!("{name}."));
    reader.read_until(&daemon, "both messages are there", seconds(60), |records| records.len() >= expected.len());
    daemon.stop(seconds(10));
    // All that was still on its way is there now.
    assert_eq!(reader.read().iter().map(message).collect::<Vec<_>>(), expected);
}

#[test]
fn postgres() {
    one_message_for_each_transaction(server::postgres(), "outbox_pg");
}

#[test]
fn mysql_8_0() {
    one_message_for_each_transaction(server::mysql80(), "outbox_my");
}

#[test]
fn mysql_9_7() {
    one_message_for_each_transaction(server::mysql97(), "outbox97");
}
