"""The store: every SQL statement, and the only place that speaks to Postgres."""
