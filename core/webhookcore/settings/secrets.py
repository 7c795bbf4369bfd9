"""The secrets, found by reference: an environment variable, else a file named after the Secret and its key."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every secret that a part needs. Its repr shows none of them."""

    app_secret: bytes = field(repr=False)
    previous_app_secret: bytes | None = field(repr=False)
    verify_token: str = field(repr=False)
    access_token: str | None = field(repr=False)
    internal_secret: bytes = field(repr=False)
    routes: Mapping[str, bytes] = field(repr=False)
    """A route's own secret by the route's name; routes without one are absent."""
