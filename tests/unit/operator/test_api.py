"""What an apply sends: JSON, and YAML as well, whatever the text in it."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhookcore_operator.api import ApiError, _yaml


@given(st.text())
def test_both_readers_read_the_same(text: str) -> None:
    """The API server reads it as YAML, which knows neither surrogate pairs nor every character as it is."""
    body = {"data": {"text": text}}
    sent = _yaml(body)
    assert json.loads(sent) == body
    assert yaml.safe_load(sent) == body


@pytest.mark.parametrize(
    ("status", "message", "malformed"),
    [
        (400, "anything", True),
        (500, "failed to create typed patch object (shop/a; apps/v1, Kind=Deployment): .spec.x: expected map", True),
        (500, "failed to convert new object (shop/a; apps/v1, Kind=Deployment) to proper version: quantities", True),
        (500, "etcdserver: request timed out", False),
        (409, "the object has been modified", False),
    ],
)
def test_what_is_the_manifests_fault(status: int, message: str, *, malformed: bool) -> None:
    """Some of it comes as the server's own error: that is told in a condition, and not tried over and over."""
    assert ApiError(status, "", message).malformed is malformed
