-- PostgreSQL alone has this migration: SQLite has no such function.
SELECT 1;
