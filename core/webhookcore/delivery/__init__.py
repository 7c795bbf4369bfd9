"""A delivery: its outcomes, what an answer means, when to try again, and the circuit breaker; all pure."""
