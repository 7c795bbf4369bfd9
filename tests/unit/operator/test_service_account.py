"""What an operator's token says of its ServiceAccount."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from webhookcore_operator.service_account import own_reference, owner_reference

ACCOUNT = {"name": "webhook-core-operator", "uid": "5f0e"}


def token(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{payload}.signature"


@pytest.mark.parametrize("padding", ["", "x", "xx", "xxx"])
def test_a_token_of_a_pod(padding: str) -> None:
    """Whatever its length: a token's base64 has no padding."""
    claims = {"kubernetes.io": {"namespace": "system", "serviceaccount": ACCOUNT}, "sub": padding}
    assert owner_reference(token(claims)) == {"apiVersion": "v1", "kind": "ServiceAccount", **ACCOUNT}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b.c",
        "a.é.c",
        token([]),
        token({"sub": "somebody"}),
        token({"kubernetes.io": None}),
        token({"kubernetes.io": {"serviceaccount": {"name": "without a UID"}}}),
    ],
)
def test_a_token_that_says_nothing(text: str) -> None:
    """Then there is no owner, and nothing fails."""
    assert owner_reference(text) is None


def test_its_file(tmp_path: Path) -> None:
    """As the kubelet writes it; outside a cluster there is none."""
    file = tmp_path / "token"
    assert own_reference(file) is None
    file.write_text(token({"kubernetes.io": {"serviceaccount": ACCOUNT}}) + "\n")
    owner = own_reference(file)
    assert owner is not None
    assert owner["uid"] == ACCOUNT["uid"]
