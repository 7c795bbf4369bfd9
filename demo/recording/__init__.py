"""How the recorded day was made: people, what they say, and the JSON in which Meta tells it. Deterministic."""
