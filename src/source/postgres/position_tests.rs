use super::*;
use crate::source::postgres::transaction::Transaction;

fn read(json: &str) -> Offset {
    Offset::read(&Position(json.into())).unwrap()
}

/// Offsets as Debezium 3.6.1 wrote them.
#[test]
fn debeziums_offsets_are_read_and_written_alike() {
    for json in [
        r#"{"lsn_proc":51471320,"messageType":"MESSAGE","lsn_commit":51471320,"lsn":51471320,"ts_usec":1795250589447102}"#,
        r#"{"lsn_proc":236644736,"messageType":"DELETE","lsn_commit":236440160,"lsn":236644736,"txId":2304,"ts_usec":1795250864157486}"#,
        r#"{"last_snapshot_record":true,"lsn":60484760,"txId":1063,"ts_usec":1795250607124671,"snapshot":"INITIAL","snapshot_completed":true}"#,
    ] {
        assert_eq!(&*read(json).json(), json);
    }
}

/// With `provide.transaction.metadata`.
#[test]
fn the_counts_of_a_transaction_are_told_and_not_read() {
    let mut transaction = Transaction::begin(7, 0, 20);
    let table: Arc<str> = "public.t".into();
    transaction.place(&table, 30, 2);
    transaction.place(&table, 31, 1);
    let offset = Offset { lsn: Some(31), transaction: transaction.in_offset(), ..Offset::default() };
    let json = r#"{"lsn":31,"transaction_data_collection_order_public.t":3,"transaction_id":"7"}"#;
    assert_eq!(&*offset.json(), json);
    assert_eq!(read(json), Offset { lsn: Some(31), ..Offset::default() });
}

#[test]
fn a_transaction_that_was_cut_goes_on_where_it_was_cut() {
    let done = Done::of(&read(r#"{"lsn_proc":30,"lsn_commit":20,"lsn":30,"txId":7,"lsn_events_processed":2}"#));
    assert!(done.began(7) && done.covers(7, 25, 9) && done.covers(7, 30, 2));
    assert!(done.covers(7, 10, 1), "its first changes may lie before other commits");
    assert!(!done.covers(7, 30, 3) && !done.covers(7, 31, 1) && !done.covers(8, 25, 1));
}

#[test]
fn a_committed_transaction_is_not_looked_for() {
    let done = Done::of(&read(r#"{"lsn_proc":40,"messageType":"COMMIT","lsn_commit":48,"lsn":48,"txId":7}"#));
    assert!(!done.began(7));
    assert!(done.covers_message(47) && !done.covers_message(48));
}

#[test]
fn a_message_outside_of_transactions_is_not_repeated() {
    let done = Done::of(&read(r#"{"lsn_proc":48,"messageType":"MESSAGE","lsn_commit":48,"lsn":48}"#));
    assert!(done.covers_message(48) && !done.covers_message(49));
}

#[test]
fn a_snapshot_that_did_not_end_is_told() {
    assert!(read(r#"{"lsn":5,"snapshot":"INITIAL","snapshot_completed":false}"#).within_snapshot());
    assert!(read(r#"{"lsn":5,"snapshot":true,"last_snapshot_record":false}"#).within_snapshot());
    assert!(!read(r#"{"lsn":5,"snapshot":"INITIAL","snapshot_completed":true}"#).within_snapshot());
    assert!(Offset::read(&Position("{}".into())).is_err());
}

#[test]
fn places_are_read_and_written_as_the_server_does() {
    assert_eq!(lsn_text(0x0001_6000_00ab), "1/600000AB");
    assert_eq!(parse_lsn("1/600000AB"), Some(0x0001_6000_00ab));
    assert_eq!(parse_lsn("x"), None);
}
