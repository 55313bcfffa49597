CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN posint AS int CHECK (value > 0);
CREATE TABLE customers (id serial PRIMARY KEY, name varchar(20) NOT NULL, vip boolean NOT NULL DEFAULT false, balance numeric(10,2));
CREATE TABLE orders (order_id bigint, line int, sku text, PRIMARY KEY (order_id, line));
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE TABLE nokey (a int, b text);
ALTER TABLE nokey REPLICA IDENTITY FULL;
CREATE TABLE toasted (id int PRIMARY KEY, small text, big text, bytes bytea);
ALTER TABLE toasted ALTER big SET STORAGE EXTERNAL, ALTER bytes SET STORAGE EXTERNAL;
CREATE TABLE types (id int PRIMARY KEY, a smallint, b bigint, c oid, d real, e double precision, f numeric, g numeric(5,1),
    h text, i char(3), j name, k bytea, l uuid, m json, n jsonb, o mood, p posint, q date, r time(3), s timetz,
    t timestamp(3), u timestamp, v timestamptz, w timestamptz(0), x int[], y text[]);
