"""Meta's notification: parsed, split into events, and made fit for jsonb."""
