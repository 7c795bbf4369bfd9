"""What Helm says at the end of an install: what to type next, for each way to install. Word for word (golden)."""

from typing import Any, Final

import pytest
from tests.cluster.support.chart import notes
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.golden import is_golden

WAYS: Final[dict[str, dict[str, Any]]] = {
    "defaults": {},
    "trial": {"embeddedPostgres": {"enabled": True}},
    "trial-without-a-volume": {"embeddedPostgres": {"enabled": True, "persistence": {"enabled": False}}},
    "config-from-values": {"config": {"create": True, "name": "shop"}},
    "other-namespaces": {"watchNamespaces": ["shop", "taxi"], "embeddedPostgres": {"enabled": True}},
    "its-own-namespace-too": {"watchNamespaces": ["shop", "somewhere"]},
    "crds-that-go": {"crds": {"keep": False}},
}


@pytest.mark.parametrize(("way", "values"), WAYS.items(), ids=WAYS)
def test_notes(cluster: Cluster, way: str, values: dict[str, Any]) -> None:
    """The commands fit what was chosen: no secret to be made that is there, no resource that comes from the
    values, no namespace that nobody watches.
    """
    is_golden(f"notes-{way}.txt", notes(cluster, values))
