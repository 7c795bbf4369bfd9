"""The jobs: one run each, one JSON result."""
