//! Rowtide: change data capture from MySQL and PostgreSQL to Kafka.
