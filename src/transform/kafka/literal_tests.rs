use super::super::tests::{schema_text, value_text};
use super::*;

/// As `Values.parseString` of Kafka 4.3.1 gives them.
#[test]
fn literals_are_read_as_connect_reads_them() {
    let decimal = "BYTES(org.apache.kafka.connect.data.Decimal)";
    let date = "INT32(org.apache.kafka.connect.data.Date)";
    let time = "INT32(org.apache.kafka.connect.data.Time)";
    let timestamp = "INT64(org.apache.kafka.connect.data.Timestamp)";
    for (text, schema, value) in [
        ("", "STRING", ""),
        ("  ", "STRING", "  "),
        (" x ", "STRING", " x "),
        ("null", "STRING?", "null"),
        ("nullx", "STRING", "nullx"),
        ("true", "BOOLEAN", "true"),
        (" false ", "BOOLEAN", "false"),
        ("True", "STRING", "True"),
        ("true}", "STRING", "true}"),
        ("1", "INT8", "1"),
        ("+7", "INT8", "7"),
        ("-129", "INT16", "-129"),
        ("32768", "INT32", "32768"),
        ("2147483648", "INT64", "2147483648"),
        ("9223372036854775808", decimal, "0x008000000000000000"),
        ("1.5", "FLOAT32", "1.5"),
        ("1.0", "INT8", "1"),
        ("-0.0", "INT8", "0"),
        ("1e3", "INT16", "1000"),
        ("1.5e39", "FLOAT64", "1500000000000000000000000000000000000000"),
        ("1e400", decimal, "0x01"),
        ("1:2", "INT8", "1"),
        ("12:30", "INT8", "12"),
        ("2024-02-29", date, "19782"),
        ("2024-02-2x", date, "19755"),
        ("14:34:54.346Z", time, "52494346"),
        ("2019-08-23T14:34:54.346Z", timestamp, "1566570894346"),
        (r"2019-08-23T14\:34\:54.346Z", timestamp, "1566570894346"),
        ("[]", "ARRAY<STRING?>", "[]"),
        ("[1,2,300]", "ARRAY<INT16>", "[1,2,300]"),
        ("[300,1]", "ARRAY<INT16>", "[300,1]"),
        ("[ 1 , 2.5 ]", "ARRAY<FLOAT32>", "[1,2.5]"),
        ("[\"a\",\"b,]\"]", "ARRAY<STRING>", "[a,b,]]"),
        ("[1,null]", "STRING", "[1,null]"),
        ("[null]", "ARRAY<STRING?>", "[null]"),
        ("[1,]", "ARRAY<INT8>", "[1]"),
        ("[,1]", "STRING", "[,1]"),
        ("[1", "STRING", "[1"),
        ("[1 2]", "STRING", "[1 2]"),
        ("[a]", "STRING", "[a]"),
        ("[[1],[2]]", "ARRAY<ARRAY<INT8>>", "[[1],[2]]"),
        ("[1.5,1e40]", "ARRAY<FLOAT64>", "[1.5,10000000000000000000000000000000000000000]"),
        ("{}", "MAP<STRING?,STRING?>", "{}"),
        ("{\"a\":1,\"b\":300}", "MAP<STRING,INT16>", "{a:1,b:300}"),
        ("{\"a\":null}", "MAP<STRING,STRING?>", "{a:null}"),
        ("{\"a\":1,\"a\":2}", "MAP<STRING,INT8>", "{a:2}"),
        ("{1:\"x\"}", "MAP<INT8,STRING>", "{1:x}"),
        ("{\"a\" 1}", "STRING", "{\"a\" 1}"),
        ("\"quoted\"", "STRING", "\"quoted\""),
        ("a:b", "STRING", "a:b"),
        ("0x10", "STRING", "0x10"),
        ("1d", "STRING", "1d"),
        ("-", "STRING", "-"),
    ] {
        let parsed = parse(text).unwrap();
        assert_eq!(
            (schema_text(&parsed.schema).as_str(), value_text(&parsed.value).as_str()),
            (schema, value),
            "{text}"
        );
    }
    assert!(parse("[1,\"a\"]").unwrap_err().contains("elements of several types"));
}
