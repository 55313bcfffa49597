-- PostgreSQL logs the old row whole only where it is told to.
ALTER TABLE customers REPLICA IDENTITY FULL;
ALTER TABLE orders REPLICA IDENTITY FULL;
ALTER TABLE outbox REPLICA IDENTITY FULL;
