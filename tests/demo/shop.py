"""The shop: customers, orders, and an outbox that an order service fills in the transaction of the order.

The statements are the same for both databases. Each step is a transaction, and says which events it makes:
(table, op, key).
"""

TABLES = [
    "CREATE TABLE customers (id int PRIMARY KEY, name varchar(100) NOT NULL, email varchar(100))",
    "CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, amount decimal(10,2) NOT NULL,"
    " status varchar(20) NOT NULL)",
    "CREATE TABLE outbox (id varchar(36) PRIMARY KEY, aggregatetype varchar(50) NOT NULL,"
    " aggregateid varchar(50) NOT NULL, type varchar(50) NOT NULL, payload json NOT NULL)",
]

ROWS = [
    "INSERT INTO customers VALUES (1, 'Ada', 'ada@example.com'), (2, 'Grace', NULL), (3, 'Zoë', 'zoe@example.com')",
    "INSERT INTO orders VALUES (1001, 1, 25.00, 'paid'), (1002, 2, 199.90, 'open')",
]

SNAPSHOT = {("customers", "r", 1), ("customers", "r", 2), ("customers", "r", 3), ("orders", "r", 1001), ("orders", "r", 1002)}

TOMBSTONE = "tombstone"     # a key without a value: a compacted topic forgets the row
EVENT_ID = "3f2b7a54-8d0c-4c52-9a57-1d1f3f0c9b11"

STEPS = [
    (["INSERT INTO customers VALUES (4, 'Linus', 'linus@example.com')"], {("customers", "c", 4)}),
    (["INSERT INTO orders VALUES (1003, 4, 42.50, 'open')",
      f"INSERT INTO outbox VALUES ('{EVENT_ID}', 'order', '1003', 'OrderPlaced', '{{\"order\": 1003, \"amount\": 42.5}}')"],
     {("orders", "c", 1003), ("outbox", "c", EVENT_ID)}),
    (["UPDATE orders SET status = 'paid' WHERE id = 1003"], {("orders", "u", 1003)}),
    (["UPDATE customers SET email = 'grace@example.com' WHERE id = 2"], {("customers", "u", 2)}),
    (["DELETE FROM orders WHERE id = 1001"], {("orders", "d", 1001), ("orders", TOMBSTONE, 1001)}),
    ([f"DELETE FROM outbox WHERE id = '{EVENT_ID}'"], {("outbox", "d", EVENT_ID), ("outbox", TOMBSTONE, EVENT_ID)}),
]


# PostgreSQL logs the old row whole only where it is told to.
POSTGRES_ONLY = [f"ALTER TABLE {table} REPLICA IDENTITY FULL" for table in ("customers", "orders", "outbox")]


def create(connection, database):
    cursor = connection.cursor()
    for statement in TABLES + (POSTGRES_ONLY if database == "postgres" else []) + ROWS:
        cursor.execute(statement)


def apply(connection, statements):
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    for statement in statements:
        cursor.execute(statement)
    cursor.execute("COMMIT")
