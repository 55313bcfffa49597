INSERT INTO customers (name, balance) VALUES ('Anne', 10.50);
UPDATE customers SET vip = true WHERE id = 1;
UPDATE customers SET id = 7 WHERE id = 1;
DELETE FROM customers WHERE id = 7;
BEGIN; INSERT INTO customers (name) VALUES ('One'), ('Two'); UPDATE customers SET vip = true; DELETE FROM customers WHERE name = 'Two'; COMMIT;
BEGIN; INSERT INTO customers (name) VALUES ('Rolled back'); ROLLBACK;
INSERT INTO orders VALUES (1, 1, 'A'), (1, 2, 'ünïcødé "q" \ 😀');
UPDATE orders SET sku = NULL WHERE line = 1;
UPDATE orders SET line = 3 WHERE line = 2;
DELETE FROM orders WHERE line = 3;
INSERT INTO nokey VALUES (1, 'x'); UPDATE nokey SET b = '' WHERE a = 1; DELETE FROM nokey;
INSERT INTO toasted VALUES (1, 's', repeat('x', 3000), decode(repeat('ab', 3000), 'hex')); UPDATE toasted SET small = 't';
COPY nokey FROM PROGRAM 'seq 1 5 | sed s/$/,copied/' WITH (FORMAT csv);
TRUNCATE orders, nokey;
ALTER TABLE customers ADD COLUMN note text DEFAULT 'none';
UPDATE customers SET note = 'after' WHERE name = 'One';
ALTER TABLE customers DROP COLUMN balance;
INSERT INTO customers (name) VALUES ('Post');
BEGIN; SELECT pg_logical_emit_message(true, 'inside', 'of a transaction'); INSERT INTO nokey VALUES (9, 'with a message'); COMMIT;
SELECT pg_logical_emit_message(false, 'outside', 'of a transaction');
INSERT INTO types VALUES (1, -32768, 9223372036854775807, 4294967295, 3.14, 2.718281828459045, 12345678901234567890.123456789, 99.9,
    'text', 'ab', 'name', '\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b": 2,  "a":[1, 2.50]}', '{"b": 2,  "a":[1, 2.50]}', 'ok', 5,
    '2024-02-29', '12:34:56.789', '12:34:56.789012+05:30', '2024-02-29 12:34:56.789', '1969-12-31 23:59:59.999999',
    '2024-02-29 12:34:56.789012+05:30', '2024-02-29 12:34:56-08', '{1,NULL,3}', '{a,"b c",NULL,"q\"x"}');
INSERT INTO types (id) VALUES (2);
INSERT INTO types (id, d, e, f, g, q, t, u, v) VALUES (3, '-Infinity', 'NaN', 'NaN', 'NaN', 'infinity', '-infinity', 'infinity', 'infinity');
