"""The ids that follow a notification: request id, correlation id, trace context."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

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
    request_id = given.get(headers.REQUEST_ID)
    if request_id is None or not _SANE.fullmatch(request_id):
        request_id = _new_uuid()
    correlation_id = given.get(headers.CORRELATION_ID)
    if correlation_id is None or not _SANE.fullmatch(correlation_id):
        correlation_id = request_id
    traceparent = given.get(headers.TRACEPARENT)
    if traceparent is None or not _TRACEPARENT.fullmatch(traceparent):
        traceparent = _new_trace()
    return Correlation(request_id, correlation_id, traceparent)


def _new_uuid() -> str:
    """A UUID of version 4, written without building one."""
    bits = _random.getrandbits(128) & 0xFFFFFFFF_FFFF_0FFF_3FFF_FFFFFFFFFFFF | 0x00000000_0000_4000_8000_000000000000
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _new_trace() -> str:
    """Neither of its two ids may be zero."""
    digits = f"{_random.getrandbits(192) | 1 << 64 | 1:048x}"
    return f"00-{digits[:32]}-{digits[32:]}-01"
