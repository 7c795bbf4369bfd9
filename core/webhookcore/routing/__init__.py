"""The decision: which of the company's services an event belongs to."""
