"""The ServiceAccount that the operator runs under, as its own token tells it: no right is needed to ask."""

import base64
import binascii
import json
from pathlib import Path
from typing import Final

from webhookcore_operator.render.inputs import Manifest

TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""Where every pod has it that may ask the API server."""


def owner_reference(token: str) -> Manifest | None:
    """For what is to go when the ServiceAccount goes; None where the token does not say which one it is.

    The token is a JSON Web Token. Its signature is the API server's to check: nothing is granted here.
    """
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        account = claims["kubernetes.io"]["serviceaccount"]
        return {"apiVersion": "v1", "kind": "ServiceAccount", "name": account["name"], "uid": account["uid"]}
    except (ValueError, binascii.Error, KeyError, TypeError):
        return None


def own_reference(path: Path = TOKEN) -> Manifest | None:
    """As `owner_reference`, of this process; None outside a cluster."""
    try:
        return owner_reference(path.read_text(encoding="utf-8").strip())
    except OSError:
        return None
