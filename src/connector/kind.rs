//! The connectors there are, by Debezium's class names.

use crate::config::Problem;
use crate::config::problem::did_you_mean;

/// Which connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `io.debezium.connector.mysql.MySqlConnector`
    MySql,
    /// `io.debezium.connector.mariadb.MariaDbConnector`
    MariaDb,
    /// `io.debezium.connector.postgresql.PostgresConnector`
    Postgres,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MySql, Self::MariaDb, Self::Postgres];

    /// Debezium's name of the class.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::MySql => "io.debezium.connector.mysql.MySqlConnector",
            Self::MariaDb => "io.debezium.connector.mariadb.MariaDbConnector",
            Self::Postgres => "io.debezium.connector.postgresql.PostgresConnector",
        }
    }

    /// Debezium's short name of the connector, as in the `source` block and the context headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
            Self::Postgres => "postgresql",
        }
    }

    /// Debezium's name of the class of its tasks.
    #[must_use]
    pub fn task_class(self) -> String {
        format!("{}Task", self.class())
    }

    /// The version of Debezium's connector that this one is held against, and stands in for.
    #[must_use]
    pub const fn debezium_version(self) -> &'static str {
        match self {
            Self::MySql | Self::Postgres => "3.6.1.Final",
            Self::MariaDb => "3.5.0.Final",
        }
    }

    /// The connector of that class: its name, or Connect's aliases for it, without the package and without `Connector`.
    ///
    /// # Errors
    /// A class that does not exist here; the problem says which do.
    pub fn named(class: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|kind| kind.names().iter().any(|name| name.eq_ignore_ascii_case(class)));
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().flat_map(|kind| kind.names()).collect();
            let meant = did_you_mean(class, names);
            let all = Self::ALL.map(Self::class).join(", ");
            Problem::new("connector.class", format!("there is no such connector; there are {all}{meant}"))
                .with_value(class)
        })
    }

    fn names(self) -> [&'static str; 3] {
        let simple = self.class().rsplit('.').next().unwrap_or_default();
        [self.class(), simple, simple.strip_suffix("Connector").unwrap_or(simple)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_aliases() {
        for class in ["io.debezium.connector.postgresql.PostgresConnector", "PostgresConnector", "Postgres", "postgres"]
        {
            assert_eq!(Kind::named(class), Ok(Kind::Postgres));
        }
        assert_eq!(Kind::named("MySqlConnector"), Ok(Kind::MySql));
        let unknown = Kind::named("io.debezium.connector.mysql.MySQLConector").unwrap_err().to_string();
        assert!(unknown.contains("did you mean \"io.debezium.connector.mysql.MySqlConnector\"?"), "{unknown}");
        let other = Kind::named("io.debezium.connector.oracle.OracleConnector").unwrap_err().to_string();
        assert!(other.contains("there are io.debezium.connector.mysql.MySqlConnector, ") && !other.contains("mean"));
    }
}
