"""Notifications as Meta posts them, to a router in the cluster."""

from typing import Final

import httpx
from tests.support import meta
from tests.support.config import APP_SECRET

PATH: Final = "/wa-webhook-core"


def post(url: str, *texts: str, sender: str = meta.SENDER, secret: str = APP_SECRET) -> httpx.Response:
    """One signed notification of these text messages, at the public listener `url`."""
    return post_body(url, meta.body(*(meta.text(text, sender) for text in texts)), secret=secret)


def post_body(url: str, body: bytes, *, secret: str = APP_SECRET, path: str = PATH) -> httpx.Response:
    """One signed notification."""
    # The environment's proxy is for the way out, not for a port of this machine.
    with httpx.Client(timeout=30, trust_env=False) as client:
        return client.post(f"{url}{path}", content=body, headers=meta.signed(body, secret))
