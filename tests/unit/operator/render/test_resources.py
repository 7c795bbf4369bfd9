"""The router container's resources: what the spec says, and a request for what it says nothing about."""

from typing import Any

import pytest
from tests.unit.operator.render.resources import MINIMAL, changed, children, inputs, pods

DEFAULT = {"cpu": "100m", "memory": "192Mi"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"requests": DEFAULT}),
        ({"requests": {"cpu": "2"}}, {"requests": {"cpu": "2", "memory": "192Mi"}}),
        # A limit without a request is a request too, and may be below ours.
        ({"limits": {"memory": "64Mi"}}, {"limits": {"memory": "64Mi"}, "requests": {"cpu": "100m"}}),
        ({"limits": {"memory": "64Mi", "cpu": "1"}}, {"limits": {"memory": "64Mi", "cpu": "1"}}),
        ({"claims": [{"name": "gpu"}]}, {"claims": [{"name": "gpu"}], "requests": DEFAULT}),
        # For the API server to refuse.
        ({"requests": "much"}, {"requests": "much"}),
        ({"limits": ["much"]}, {"limits": ["much"]}),
    ],
)
def test_resources(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Nothing that is given is changed."""
    spec = changed(MINIMAL, "spec.router.resources", given)
    [container] = pods(children(inputs(spec)))["router"]["spec"]["containers"]
    assert container["resources"] == expected
