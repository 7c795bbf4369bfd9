"""What an apply sends: JSON, and YAML as well, whatever the text in it."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhookcore_operator.api import _yaml


@given(st.text())
def test_both_readers_read_the_same(text: str) -> None:
    """The API server reads it as YAML, which knows neither surrogate pairs nor every character as it is."""
    body = {"data": {"text": text}}
    sent = _yaml(body)
    assert json.loads(sent) == body
    assert yaml.safe_load(sent) == body
