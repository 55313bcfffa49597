use proptest::prelude::*;

use super::*;

fn elsewhere(name: &TableName) -> Name {
    (format!("x_{}", name.database.as_deref().unwrap_or("none")), name.table.clone())
}

fn rewritten(text: &str) -> Result<Vec<String>, Bad> {
    let shown = |statement: Statement| match statement {
        Statement::Use(database) => format!("USE {database}"),
        Statement::Ddl(ddl) => ddl.rewritten(text, elsewhere),
    };
    Ok(statements(text)?.into_iter().map(shown).collect())
}

#[test]
fn every_table_gets_its_new_name() {
    for (text, expected) in [
        ("ALTER TABLE shop.orders ADD x int", "ALTER TABLE `x_shop`.`orders` ADD x int"),
        ("alter table `shop` . `or``d` add x int", "alter table `x_shop`.`or``d` add x int"),
        (
            "ALTER TABLE orders RENAME TO s.o2, ADD INDEX(a)",
            "ALTER TABLE `x_none`.`orders` RENAME TO `x_s`.`o2`, ADD INDEX(a)",
        ),
        ("ALTER TABLE t RENAME = u", "ALTER TABLE `x_none`.`t` RENAME = `x_none`.`u`"),
        (
            "ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX c TO d",
            "ALTER TABLE `x_none`.`t` RENAME COLUMN a TO b, RENAME INDEX c TO d",
        ),
        (
            "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES shop.u(id) ON DELETE CASCADE, DROP FOREIGN KEY f",
            "ALTER TABLE `x_none`.`t` ADD FOREIGN KEY (a) REFERENCES `x_shop`.`u`(id) ON DELETE CASCADE, DROP FOREIGN KEY f",
        ),
        (
            "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
            "ALTER TABLE `x_none`.`t` EXCHANGE PARTITION p WITH TABLE `x_none`.`u`",
        ),
        (
            "CREATE TABLE IF NOT EXISTS a.t (a int DEFAULT (1.5+now()), b int REFERENCES c.d (e), g text) COMMENT='a.b;c'",
            "CREATE TABLE IF NOT EXISTS `x_a`.`t` (a int DEFAULT (1.5+now()), b int REFERENCES `x_c`.`d` (e), g text) COMMENT='a.b;c'",
        ),
        ("CREATE TABLE t LIKE shop.u", "CREATE TABLE `x_none`.`t` LIKE `x_shop`.`u`"),
        ("CREATE TABLE t (LIKE shop.u)", "CREATE TABLE `x_none`.`t` (LIKE `x_shop`.`u`)"),
        ("DROP TABLE IF EXISTS a.b, c CASCADE", "DROP TABLE IF EXISTS `x_a`.`b`, `x_none`.`c` CASCADE"),
        ("RENAME TABLE a TO b.c, d.e TO f", "RENAME TABLE `x_none`.`a` TO `x_b`.`c`, `x_d`.`e` TO `x_none`.`f`"),
        (
            "CREATE UNIQUE INDEX i USING BTREE ON a.b (c(10), d)",
            "CREATE UNIQUE INDEX i USING BTREE ON `x_a`.`b` (c(10), d)",
        ),
        ("DROP INDEX i ON a.b ALGORITHM=INPLACE", "DROP INDEX i ON `x_a`.`b` ALGORITHM=INPLACE"),
        ("DROP/* x */TABLE a -- b\n, c # d", "DROP TABLE `x_none`.`a` , `x_none`.`c`"),
    ] {
        assert_eq!(rewritten(text).unwrap_or_else(|bad| panic!("{text}: {bad:?}")), [expected], "{text}");
    }
}

#[test]
fn a_script_is_its_statements_with_their_places() {
    let text = "-- one\nUSE `shop`;;\n DROP TABLE a; DROP TABLE b";
    let places: Vec<Option<usize>> = statements(text)
        .unwrap()
        .iter()
        .map(|statement| if let Statement::Ddl(ddl) = statement { Some(ddl.at) } else { None })
        .collect();
    assert_eq!(places, [None, Some(21), Some(35)]);
}

#[test]
fn what_is_not_understood_is_refused_at_its_place() {
    for (text, at, words) in [
        ("DROP TABLE a; INSERT INTO t VALUES (1)", 14, "none of the statements"),
        ("DROP DATABASE shop", 0, "none of the statements"),
        ("TRUNCATE TABLE t", 0, "none of the statements"),
        ("CREATE DATABASE x", 7, "of CREATE only"),
        ("CREATE VIEW v AS SELECT 1", 7, "of CREATE only"),
        ("CREATE TEMPORARY TABLE t (a int)", 7, "temporary"),
        ("CREATE TABLE t (a int) AS SELECT 1", 23, "made of a query"),
        ("CREATE TABLE t SELECT * FROM shop.u", 15, "a query"),
        ("CREATE TABLE t TABLE shop.u", 15, "made of a query"),
        ("CREATE TABLE t (a int) ENGINE=MERGE UNION=(u)", 36, "several tables"),
        ("CREATE TABLE t (a int) DATA DIRECTORY='/x'", 23, "directory"),
        ("CREATE TABLE t (a int) ENGINE=FEDERATED CONNECTION='mysql://h/d/t'", 40, "another server"),
        ("ALTER TABLE t DISCARD TABLESPACE", 14, "files"),
        ("ALTER TABLE t ADD CHECK (shop.orders.a > 1)", 29, "a name with a dot"),
        ("ALTER TABLE t ADD (a int", 23, "does not close"),
        ("ALTER TABLE t ADD a int)", 23, "no parenthesis is open"),
        ("ALTER TABLE 'shop'.orders ADD a int", 12, "a name is expected"),
        ("ALTER TABLE shop.orders.x ADD a int", 23, "a name with a dot"),
        ("DROP TABLE a b", 13, "should end"),
        ("RENAME TABLE a b", 15, "TO is expected"),
        ("ALTER TABLE t ADD x int /*!80000 , RENAME u */", 24, "for some versions"),
        ("ALTER TABLE t COMMENT 'x", 22, "does not end"),
        ("DELIMITER $$", 0, "none of the statements"),
        ("ALTER ONLINE TABLE t ADD x int", 0, "none of the statements"),
    ] {
        let bad = rewritten(text).expect_err(text);
        assert!(bad.reason.contains(words), "{text}: {bad:?}");
        assert_eq!(bad.at, at, "{text}: {bad:?}");
    }
}

/// As MySQL 8.0 writes it.
#[test]
fn what_the_server_writes_is_understood() {
    let text = "CREATE TABLE `orders` (\n  `id` int NOT NULL,\n  `c` int DEFAULT NULL /*!80023 INVISIBLE */,\n  PRIMARY KEY (`id`),\n  \
                CONSTRAINT `f` FOREIGN KEY (`c`) REFERENCES `other`.`customers` (`id`),\n  CONSTRAINT `k` CHECK ((`c` > 0.5)) \
                /*!80016 NOT ENFORCED */\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4\n/*!50100 PARTITION BY HASH (`id`)\nPARTITIONS 2 */";
    let sql = of_server(text).unwrap().rewritten(text, elsewhere);
    for part in
        ["CREATE TABLE `x_none`.`orders` (", "REFERENCES `x_other`.`customers` (`id`)", "INVISIBLE ,", "PARTITIONS 2"]
    {
        assert!(sql.contains(part), "{part} is not in {sql}");
    }
    assert!(!sql.contains("/*") && !sql.contains("*/"), "{sql}");
}

/// Whatever is let through, every name with a dot is one that was given.
fn names_with_dots(sql: &str) -> usize {
    spanned(sql).0.iter().filter(|spanned| spanned.token == Token::Symbol('.')).count()
}

proptest! {
    #[test]
    fn no_name_escapes(words in prop::collection::vec(
        prop::sample::select(vec![
            "ALTER", "TABLE", "CREATE", "DROP", "RENAME", "TO", "INDEX", "ON", "shop", "`shop`", ".", "orders", "(", ")", ",",
            "REFERENCES", "LIKE", "ADD", "int", "'x'", ";", "/* */", "-- \n", "EXCHANGE", "PARTITION", "WITH", "1.5", "\"",
        ]),
        1..14,
    )) {
        let text = words.join(" ");
        if let Ok(found) = statements(&text) {
            for statement in found {
                let Statement::Ddl(ddl) = statement else { continue };
                let sql = ddl.rewritten(&text, |name| ("scratch".to_owned(), name.table.clone()));
                prop_assert_eq!(names_with_dots(&sql), ddl.tables().count(), "{} became {}", text, sql);
                prop_assert!(!sql.contains("shop`.") && !sql.contains("shop."), "{} became {}", text, sql);
            }
        }
    }
}
