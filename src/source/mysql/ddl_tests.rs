use proptest::prelude::*;

use super::*;
use crate::source::mysql::definition::{DefaultValue, Type};

fn define(sql: &str) -> Definition {
    definition(sql).unwrap_or_else(|| panic!("not understood: {sql}"))
}

const CUSTOMERS: &str = "CREATE TABLE `customers` (
  `id` int NOT NULL AUTO_INCREMENT,
  `first_name` varchar(255) COLLATE utf8mb4_bin NOT NULL,
  `email` varchar(255) DEFAULT NULL,
  `vip` tinyint(1) NOT NULL DEFAULT '0',
  `balance` decimal(10,2) DEFAULT NULL,
  `e` enum('a','b,c','d''e') DEFAULT 'a' COMMENT 'x, y)',
  `at` timestamp(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  `g` int GENERATED ALWAYS AS ((`id` * 2)) STORED,
  `b` bit(3) DEFAULT b'101' /*!80023 INVISIBLE */,
  PRIMARY KEY (`id`),
  UNIQUE KEY `email` (`email`),
  KEY `k` (`vip`,`first_name`(10)),
  CONSTRAINT `c` CHECK ((`vip` in (0,1))),
  CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `o` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
/*!50100 PARTITION BY RANGE (`id`) (PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB) */";

#[test]
fn reads_what_show_create_table_writes() {
    let table = define(CUSTOMERS);
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "first_name", "email", "vip", "balance", "e", "at", "g", "b"]);
    assert_eq!(table.primary_key, ["id"]);
    assert_eq!(table.unique_keys, [("email".to_owned(), vec!["email".to_owned()])]);
    let column = |name: &str| table.column(name).unwrap();
    assert!(!column("id").nullable && column("email").nullable && column("at").nullable);
    assert_eq!(column("vip").default, DefaultValue::Text("0".into()));
    assert_eq!(column("balance").kind, Type::Decimal { precision: 10, scale: 2 });
    assert_eq!(column("e").kind, Type::Enum(vec!["a".into(), "b,c".into(), "d'e".into()]));
    assert_eq!(column("at").kind, Type::Timestamp(3));
    assert_eq!(column("at").default, DefaultValue::Now);
    assert!(column("g").generated);
    assert_eq!(column("b").default, DefaultValue::Bytes(vec![5]));
}

#[test]
fn reads_every_spelling_of_a_type() {
    let int = |bytes, unsigned| Type::Int { bytes, unsigned };
    for (text, kind) in [
        ("INT UNSIGNED ZEROFILL", int(4, true)),
        ("int(8) zerofill", int(4, true)),
        ("bool", int(1, false)),
        ("SERIAL", int(8, true)),
        ("double precision", Type::Double),
        ("float(7,3)", Type::Float { digits: true }),
        ("float(30)", Type::Double),
        ("float", Type::Float { digits: false }),
        ("numeric", Type::Decimal { precision: 10, scale: 0 }),
        ("character varying(10) character set latin1 collate latin1_bin", Type::Text),
        ("national varchar(5)", Type::Text),
        ("char(5) binary", Type::Text),
        ("varchar(5) charset binary", Type::Binary { fixed: None }),
        ("char(5) character set binary", Type::Binary { fixed: Some(5) }),
        ("binary(16)", Type::Binary { fixed: Some(16) }),
        ("long varchar", Type::Text),
        ("bit", Type::Bit(1)),
        ("datetime(6)", Type::DateTime(6)),
        ("geometry", Type::Geometry),
        ("multipolygon srid 4326", Type::Geometry),
        ("point", Type::Point),
        ("vector(3)", Type::Vector),
        ("uuid", Type::Other("uuid".into())),
    ] {
        assert_eq!(define(&format!("CREATE TABLE t (c {text})")).columns[0].kind, kind, "{text}");
    }
}

#[test]
fn reads_defaults() {
    for (text, default) in [
        ("DEFAULT 'it''s'", DefaultValue::Text("it's".into())),
        ("DEFAULT -1.50 NOT NULL", DefaultValue::Text("-1.50".into())),
        ("DEFAULT 'a' \"b\" 'c'", DefaultValue::Text("abc".into())),
        ("DEFAULT _utf8mb4'x'", DefaultValue::Text("x".into())),
        ("DEFAULT DATE'2020-01-01'", DefaultValue::Text("2020-01-01".into())),
        ("DEFAULT 0x6162", DefaultValue::Bytes(b"ab".to_vec())),
        ("DEFAULT NULL", DefaultValue::None),
        ("DEFAULT (uuid())", DefaultValue::Computed),
        ("DEFAULT NOW(6) ON UPDATE NOW(6)", DefaultValue::Now),
        ("DEFAULT current_timestamp", DefaultValue::Now),
        ("NOT NULL", DefaultValue::None),
        ("DEFAULT TRUE", DefaultValue::Text("1".into())),
    ] {
        assert_eq!(define(&format!("create table t (c int {text}, d int)")).columns[0].default, default, "{text}");
    }
}

#[test]
fn reads_alterations() {
    let sql = "ALTER TABLE d.t ADD COLUMN (a int, b varchar(2) default 'x'), DROP COLUMN c, DROP d, \
               CHANGE e f int NOT NULL AFTER g, MODIFY h bigint FIRST, RENAME COLUMN i TO j, ALTER k SET DEFAULT 3, \
               ADD PRIMARY KEY (a, b), DROP PRIMARY KEY, ADD UNIQUE KEY u (a(10) DESC), DROP INDEX v, ENGINE=InnoDB, \
               ADD INDEX w (a), ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES y (z), RENAME TO q.r, ALGORITHM=INPLACE";
    let Statement::Alter { table, alterations } = parse(sql) else { panic!("{:?}", parse(sql)) };
    assert_eq!(table, TableName { database: Some("d".into()), table: "t".into() });
    let shapes: Vec<String> = alterations
        .iter()
        .map(|alteration| match alteration {
            Alteration::Add(placed) => format!("+{}", placed.column.name()),
            Alteration::Change(old, placed) => format!("{old}>{} {:?}", placed.column.name(), placed.place),
            other => format!("{other:?}").split('(').next().unwrap().to_owned(),
        })
        .collect();
    let expected = [
        "+a",
        "+b",
        "Drop",
        "Drop",
        "e>f After(\"g\")",
        "h>h First",
        "RenameColumn",
        "Default",
        "AddPrimaryKey",
        "DropPrimaryKey",
        "AddUnique",
        "DropIndex",
        "RenameTable",
    ];
    assert_eq!(shapes, expected);
}

#[test]
fn tells_statements_apart() {
    let table = |name: &str| TableName { database: None, table: name.into() };
    assert_eq!(parse("TRUNCATE orders"), Statement::Truncate(table("orders")));
    assert_eq!(parse("truncate table `o o`;"), Statement::Truncate(table("o o")));
    assert_eq!(
        parse("DROP TABLE IF EXISTS a, b /* generated by server */"),
        Statement::Drop(vec![table("a"), table("b")])
    );
    assert_eq!(
        parse("RENAME TABLE a TO b, c TO d"),
        Statement::Rename(vec![(table("a"), table("b")), (table("c"), table("d"))])
    );
    assert_eq!(parse("CREATE TABLE a LIKE b"), Statement::CreateLike { table: table("a"), like: table("b") });
    assert_eq!(parse("DROP DATABASE x"), Statement::DropDatabase("x".into()));
    assert_eq!(parse("CREATE TABLE a AS SELECT 1 x"), Statement::Unclear(table("a")));
    for other in
        ["CREATE VIEW v AS SELECT 1", "GRANT ALL ON *.* TO x", "CREATE TEMPORARY TABLE t (a int)", "", "DROP VIEW v"]
    {
        assert_eq!(parse(other), Statement::Other, "{other}");
    }
    let Statement::Alter { alterations, .. } = parse("CREATE UNIQUE INDEX i USING BTREE ON t (a)") else { panic!() };
    assert_eq!(alterations, [Alteration::AddUnique(("i".into(), vec!["a".into()]))]);
}

proptest! {
    #[test]
    fn ends_on_any_statement(cut in 0..CUSTOMERS.len(), text in "[a-z0-9'`(), ]*") {
        parse(&CUSTOMERS[..cut]);
        parse(&format!("alter table t {text}"));
        parse(&format!("create table t ({text}"));
    }
}
