CREATE TABLE customers (id int PRIMARY KEY, name varchar(100) NOT NULL, email varchar(100));
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, amount decimal(10,2) NOT NULL, status varchar(20) NOT NULL);
CREATE TABLE outbox (id varchar(36) PRIMARY KEY, aggregatetype varchar(50) NOT NULL, aggregateid varchar(50) NOT NULL,
                     type varchar(50) NOT NULL, payload json NOT NULL);
INSERT INTO customers VALUES (1, 'Ada', 'ada@example.com'), (2, 'Grace', NULL), (3, 'Zoë', 'zoe@example.com');
INSERT INTO orders VALUES (1001, 1, 25.00, 'paid'), (1002, 2, 199.90, 'open');
