"""How long a resync took, by an audit log."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from tests.bench.resync import Resync, first_resync, looks
from tests.cluster.support.audit import Request, parse

from webhookcore_operator.kinds import CHILDREN
from webhookcore_operator.render.names import FIELD_MANAGER

PLACES = [("blue", "one"), ("green", "one")]


def line(
    second: float,
    resource: str,
    namespace: str = "",
    *,
    instance: str = "",
    agent: str = FIELD_MANAGER,
) -> str:
    """A request that took a tenth of a second."""
    query = {"labelSelector": f"app.kubernetes.io/name=x,app.kubernetes.io/instance={instance}"} if instance else {}
    event = {
        "auditID": f"{second}{resource}{namespace}{instance}{agent}",
        "verb": "list",
        "user": {"username": "system:serviceaccount:system:operator"},
        "objectRef": {"resource": resource, "namespace": namespace},
        "requestURI": f"/apis/x?{urlencode(query)}",
        "userAgent": agent,
        "requestReceivedTimestamp": f"2026-11-29T10:00:{second:09.6f}Z",
        "stageTimestamp": f"2026-11-29T10:00:{second + 0.1:09.6f}Z",
    }
    return json.dumps(event)


def look(second: float, namespace: str, instance: str) -> Iterator[str]:
    """What one reconciliation asks."""
    yield line(second, "webhookcoreconfigs", namespace)
    for kind in CHILDREN:
        yield line(second + 0.2, kind.plural, namespace, instance=instance)
    yield line(second + 0.4, "secrets", namespace)


def log(*lines: str) -> list[Request]:
    return parse(lines)


def test_a_resync_lasts_until_the_last_one_was_looked_at() -> None:
    """What was asked before it began is another one's; a rollout that is looked at again makes it no longer."""
    found = log(
        *look(1, "green", "one"),
        line(5, "webhookcoreconfigs"),
        line(5.5, "webhookcoreconfigs", agent="kopf"),
        *look(6, "blue", "one"),
        line(6.5, "leases", "system"),
        *look(7, "green", "one"),
        *look(17, "green", "one"),
        line(30, "webhookcoreconfigs"),
        *look(31, "blue", "one"),
    )
    each = len(CHILDREN) + 2
    assert first_resync(found, PLACES) == Resync(seconds=2.3, looks=3, requests=3 * each)
    assert looks(found) == 5


def test_one_that_did_not_end_is_none() -> None:
    """It says what is missing."""
    with pytest.raises(ValueError, match="no resync"):
        first_resync(log(line(5, "webhookcoreconfigs"), *look(6, "blue", "one"), *look(7, "green", "one")), PLACES)
    begun = log(line(5, "webhookcoreconfigs"), *look(6, "blue", "one"), line(30, "webhookcoreconfigs"))
    with pytest.raises(ValueError, match=rf"{len(CHILDREN)} lists of {2 * len(CHILDREN)} .* \('green', 'one', 'deploy"):
        first_resync(begun, PLACES)
