"""What bounds a router: how its lease goes together with how long a delivery may take."""

import pytest

from webhookcore_router.limits import Limits


@pytest.mark.parametrize(("delivery_seconds", "lease_seconds"), [(0.1, 20), (4, 20), (5, 20), (5.5, 20.5), (30, 45)])
def test_a_lease_covers_a_delivery(delivery_seconds: float, lease_seconds: float) -> None:
    """With three heartbeats to spare, so that a delivery may start also when one of them was lost."""
    limits = Limits().covering(delivery_seconds)
    assert limits.lease_seconds == lease_seconds
    assert limits.lease_seconds - 3 * limits.heartbeat_seconds >= delivery_seconds


def test_everything_else_stays() -> None:
    """Only the lease is made longer, never shorter."""
    limits = Limits(flushers=3, lease_seconds=100)
    assert limits.covering(30) is limits
