//! What a file asks for and the server does not show: tables that are not there, or that the user may not read.
//!
//! MySQL hides a table from who has no right to it, so which of the two it is cannot be known. It is worth a warning and no
//! error: a table may be made later. Debezium says nothing of single tables, and warns where nothing is captured at all.

use super::catalog::Name;
use super::config::MySqlConfig;
use super::server::quote;

/// Warns of the entries of both include lists that match no table, and where there is nothing to capture. `visible` are the
/// tables that the user sees, `captured` those of them that are captured.
pub(super) fn warn(config: &MySqlConfig, visible: &[Name], captured: &[Name]) {
    let user = &config.common.user;
    for Unseen { key, entries, remedy } in unseen(config, visible) {
        tracing::warn!(
            key,
            entries = entries.join(", "),
            "no table that {user:?} sees matches, so no snapshot holds its rows; if it is there: {remedy}"
        );
    }
    if captured.is_empty() {
        tracing::warn!(
            "no table is captured; check database.include.list and table.include.list, and whether {user:?} may SELECT from \
             the tables"
        );
    }
}

/// Entries of one list that match nothing.
#[derive(Debug, PartialEq, Eq)]
struct Unseen<'a> {
    key: &'static str,
    entries: Vec<&'a str>,
    remedy: String,
}

fn unseen<'a>(config: &'a MySqlConfig, visible: &[Name]) -> Vec<Unseen<'a>> {
    let databases: Vec<&str> = visible.iter().map(|(database, _)| database.as_str()).collect();
    let tables: Vec<String> = visible
        .iter()
        .filter(|(database, _)| config.databases.accepts(database))
        .map(|(database, table)| format!("{database}.{table}"))
        .collect();
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    let lists = [
        ("database.include.list", config.databases.unmatched(&databases)),
        ("table.include.list", config.common.tables.unmatched(&tables)),
    ];
    let user = &config.common.user;
    let found = lists.into_iter().filter(|(_, entries)| !entries.is_empty()).map(|(key, entries)| {
        let named: Vec<String> = entries.iter().filter_map(|entry| what(key, entry)).collect();
        let what = if named.len() == entries.len() { named } else { vec!["its tables".to_owned()] };
        let grants: Vec<String> = what.iter().map(|what| format!("GRANT SELECT ON {what} TO '{user}'@'%'")).collect();
        Unseen { key, entries, remedy: grants.join("; ") }
    });
    found.collect()
}

/// The table, or the database, that an entry names, as SQL; `None` where it may be many databases.
fn what(key: &str, entry: &str) -> Option<String> {
    let entry = entry.replace("\\.", ".");
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let (database, table) = if key == "table.include.list" { entry.split_once('.')? } else { (entry.as_str(), "") };
    let table = if is_name(table) { quote(table) } else { "*".to_owned() };
    is_name(database).then(|| format!("{}.{table}", quote(database)))
}

#[cfg(test)]
mod tests {
    use super::super::config::Flavor;
    use super::*;

    fn config(lists: &[(&str, &str)]) -> MySqlConfig {
        let base = [("topic.prefix", "p"), ("database.hostname", "h"), ("database.user", "u")];
        let properties = base.iter().chain(lists).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        MySqlConfig::read(Flavor::MySql, &properties).unwrap()
    }

    #[test]
    fn names_what_cannot_be_seen_and_the_grant() {
        let visible = [("shop", "customers"), ("other", "orders")].map(|(d, t)| (d.to_owned(), t.to_owned()));
        let all = config(&[("database.include.list", "shop"), ("table.include.list", "shop.customers")]);
        assert_eq!(unseen(&all, &visible), []);
        assert_eq!(unseen(&config(&[]), &[]), []);
        let lacking = config(&[
            ("database.include.list", "shop, stock-2"),
            ("table.include.list", r"shop\.customers, shop\.orders, shop.item_.*, other.orders"),
        ]);
        let found = unseen(&lacking, &visible);
        assert_eq!(
            (found[0].key, found[0].remedy.as_str()),
            ("database.include.list", "GRANT SELECT ON `stock-2`.* TO 'u'@'%'")
        );
        assert_eq!(found[1].entries, [r"shop\.orders", "shop.item_.*", "other.orders"], "other is not captured");
        assert!(found[1].remedy.starts_with("GRANT SELECT ON `shop`.`orders` TO 'u'@'%'; GRANT SELECT ON `shop`.* TO"));
        let patterns = config(&[("database.include.list", "st.*|x")]);
        assert_eq!(unseen(&patterns, &visible)[0].remedy, "GRANT SELECT ON its tables TO 'u'@'%'");
    }
}
