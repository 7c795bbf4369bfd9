"""Who is told to have ended the operator."""

import asyncio

import pytest

from webhookcore_operator.leader import NotLeaderError
from webhookcore_operator.operate import _verdict


async def ended(*parts: tuple[str, BaseException | None]) -> list[asyncio.Task[None]]:
    """Tasks of these names that ended so; None: still running."""

    async def end(error: BaseException | None) -> None:
        if error is None:
            await asyncio.Event().wait()
        else:
            raise error

    tasks = [asyncio.create_task(end(error), name=name) for name, error in parts]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_whose_end_cancelled_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """Kopf cancels what others were doing when it ends: it is the one to blame."""
    parts = await ended(("queue", asyncio.CancelledError()), ("watching", OSError("the watch broke")), ("resync", None))
    assert _verdict(parts) == 1
    assert "the operator's watching ended by a defect" in caplog.text
    assert "the watch broke" in caplog.text
    parts[2].cancel()


async def test_a_lost_lease_is_no_defect(caplog: pytest.LogCaptureFixture) -> None:
    """Another replica goes on."""
    parts = await ended(("lease", NotLeaderError("the lease is lost")), ("queue", None))
    assert _verdict(parts) == 1
    assert "another replica goes on" in caplog.text
    parts[1].cancel()


async def test_asked_to_stop() -> None:
    """Nothing has ended."""
    parts = await ended(("queue", None))
    assert _verdict(parts) == 0
    parts[0].cancel()
