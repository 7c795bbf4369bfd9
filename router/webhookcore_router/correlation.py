"""The ids that follow a notification: request id, correlation id, trace context."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from uuid import UUID

from webhookcore import headers

_SANE = re.compile(r"[A-Za-z0-9._:@/+=~-]{1,128}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_random = Random(os.urandom(32))  # noqa: S311 - ids must be unique, not secret; the kernel's source costs a call each


@dataclass(frozen=True, slots=True)
class Correlation:
    """What a request is called, from its headers where they are sane, else new."""

    request_id: str
    correlation_id: str
    traceparent: str


def correlate(given: Mapping[str, str]) -> Correlation:
    """Reads X-Request-ID, X-Correlation-ID (else the request id) and traceparent (W3C; else a new trace)."""
    request_id = given.get(headers.REQUEST_ID, "")
    if not _SANE.fullmatch(request_id):
        request_id = str(UUID(int=_random.getrandbits(128), version=4))
    correlation_id = given.get(headers.CORRELATION_ID, "")
    if not _SANE.fullmatch(correlation_id):
        correlation_id = request_id
    traceparent = given.get(headers.TRACEPARENT, "")
    if not _TRACEPARENT.fullmatch(traceparent):
        traceparent = f"00-{_random.getrandbits(128) or 1:032x}-{_random.getrandbits(64) or 1:016x}-01"
    return Correlation(request_id, correlation_id, traceparent)
