-- PostgreSQL alone has this migration: a function that saves it round trips, of which SQLite has none.
SELECT 1;
