"""A router without its listeners, in the test's own process: for what only its parts can be asked."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support import meta
from tests.support.config import environment, route, write_config

from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split
from webhookcore.settings import load_settings
from webhookcore_router.limits import Limits
from webhookcore_router.router import Router
from webhookcore_router.submission import Submission, Verdict


@asynccontextmanager
async def router(
    database_url: str, folder: Path, routes: Mapping[str, Mapping[str, Any]], limits: Limits | None = None, **spec: Any
) -> AsyncIterator[Router]:
    """A started router over `routes` (each with its `url`); drained at the end. No part of it may end by a defect."""
    path = write_config(folder, *(route(name, **fields) for name, fields in routes.items()), **spec)
    made = Router(load_settings(path, environment(database_url)), limits or Limits(), (), on_failure=lambda: None)
    await made.start(lambda: 0.5)
    try:
        yield made
    finally:
        await made.drain()
    assert not made.failed


async def submit(to: Router, *messages: meta.Json) -> list[Verdict]:
    """A notification of these messages, as the receiver hands it on."""
    body = meta.body(*messages)
    events = split(parse_notification(body), body)
    submission = Submission(events, to.now(), "corr-1", "req-1", "00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    return await to.committer.submit(submission, len(body))
