"""Signatures: Meta's over a notification's raw body, a service's own, and the internal one of a redelivery.

Nothing here raises on what a stranger sent, and everything is compared as bytes in constant time (`compare_digest`
raises on a str that is not ASCII).
"""

import hmac
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

FORWARD_MAX_AGE: Final = 300
"""Seconds that an internal signature is good for."""
FORWARD_MAX_SKEW: Final = 30
"""Seconds that it may lie in the future: both sides tell the time by the database's clock."""

_FORWARD: Final = re.compile(r"t=(0|[1-9][0-9]{0,11}),v1=([0-9a-f]{64})")


def sign(body: bytes, secret: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + _digest(secret, body).hex()


def verify(body: bytes, header: str | None, secrets: Sequence[bytes]) -> bool:
    """Whether one of the secrets made this signature. Every secret is tried, whatever the header holds, so that the
    time taken tells nothing. No secret, or an empty one, proves nothing.
    """
    presented = (header or "").encode("utf-8", "surrogatepass")
    proven = False
    for secret in secrets:
        matches = hmac.compare_digest(sign(body, secret).encode("ascii"), presented)
        proven |= matches and secret != b""
    return proven


def sign_forward(body: bytes, secret: bytes, now: int) -> str:
    """The value of X-WA-Internal-Forward at `now` (Unix seconds)."""
    return f"t={now},v1={_forward_digest(body, secret, str(now)).hex()}"


def verify_forward(body: bytes, header: str | None, secret: bytes, now: int) -> bool:
    """Whether the holder of the internal secret signed this body within the last five minutes."""
    claim = _FORWARD.fullmatch(header or "")
    if claim is None or not secret:
        return False
    signed_at, presented = claim.groups()
    if not -FORWARD_MAX_SKEW <= now - int(signed_at) <= FORWARD_MAX_AGE:
        return False
    return hmac.compare_digest(_forward_digest(body, secret, signed_at), bytes.fromhex(presented))


def _forward_digest(body: bytes, secret: bytes, signed_at: str) -> bytes:
    return _digest(secret, b"%b.%b" % (signed_at.encode("ascii"), body))


def _digest(secret: bytes, body: bytes) -> bytes:
    """HMAC-SHA256. `hmac.digest` would derive the key anew each time, and let go of the interpreter for each."""
    mac = _keyed(secret).copy()
    mac.update(body)
    return mac.digest()


@lru_cache(maxsize=64)
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")
