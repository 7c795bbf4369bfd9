"""Asks until there is an answer, but not for ever: right after an install much is only about to be there."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeVar

from webhookcore_operator.api import UNREACHABLE, ApiError
from webhookcore_operator.hooks.trouble import HookError

T = TypeVar("T")

PAUSE_SECONDS: Final = 1.0

REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Answers that stay the same, however often one asks. Others may not: 404 (the CRD is not established yet), 403 (the
role is too new), 409, 429, 5xx.
"""
UNKNOWN_FIELD: Final = "field not declared in schema"
"""What server-side apply says, as a 500, of a field that the CRD does not have."""


async def persist(ask: Callable[[], Awaitable[T | None]], what: str, seconds: float) -> T:
    """What `ask` finds. Raises HookError: at once for what is refused, after `seconds` for what does not come about."""
    give_up = asyncio.get_running_loop().time() + seconds
    while True:
        reason = "there is none"
        try:
            if (found := await ask()) is not None:
                return found
        except ApiError as error:
            if error.status in REFUSED or UNKNOWN_FIELD in error.message:
                raise HookError(f"{what} is refused: {error.message}", final=True) from None
            reason = error.message or str(error)
        except UNREACHABLE as error:
            reason = str(error) or type(error).__name__
        if asyncio.get_running_loop().time() > give_up:
            raise HookError(f"{what} did not come about within {seconds:.0f} s: {reason}")
        await asyncio.sleep(PAUSE_SECONDS)
