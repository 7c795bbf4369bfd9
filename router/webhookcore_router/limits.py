"""What bounds a router's memory and work. Not settings: nobody on call should have to know them."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts, bytes and seconds; the defaults are measured (docs/architecture.md)."""

    request_seconds: float = 10.0
    """A request whose body takes longer to arrive is cut off: 408."""
    receiving_bytes: int = 64 * 1024 * 1024
    """Of bodies that are still being received, all together; above it 503. What comes in one piece never waits here."""
    flushers: int = 2
    flush_events: int = 256
    """At most so many events in one transaction (a single larger notification still goes whole)."""
    uncommitted_requests: int = 1024
    uncommitted_bytes: int = 64 * 1024 * 1024
    flush_seconds: float = 5.0
    """A flush that takes longer has failed: 503."""
    window_rows: int = 2048
    """Rows of one route in memory; what is above waits in the inbox."""
    window_bytes: int = 32 * 1024 * 1024
    claim_interval: float = 0.1
    lease_seconds: float = 20.0
    heartbeat_seconds: float = 5.0
    drain_serve_seconds: float = 5.0
    """How long a router that drains still serves: load balancers learn of it late."""

    def covering(self, delivery_seconds: float) -> Self:
        """The same with a lease that lets a delivery of this length start at any time, be a heartbeat late or lost."""
        least = delivery_seconds + 3 * self.heartbeat_seconds
        return self if self.lease_seconds >= least else replace(self, lease_seconds=least)
