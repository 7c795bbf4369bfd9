"""What an operator has to watch: at the real API server, with the rights that an account has or has not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import pytest
from tests.cluster.support import accounts
from tests.cluster.support.audit import Request
from tests.cluster.support.client import connected
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import Operator

from webhookcore_operator.api import ApiError
from webhookcore_operator.scope import Scope, look, scope_at_last

ACCOUNT: Final = "watcher"
SECONDS: Final = 60.0


@pytest.fixture
def ours(operator: Operator, namespaces: Callable[[], Namespace]) -> Namespace:
    """Where the account is. The cluster has the CustomResourceDefinition, from the run's operator."""
    del operator
    return namespaces()


@asynccontextmanager
async def looking(watched: tuple[str, ...], place: Namespace, token: str) -> AsyncIterator[asyncio.Task[Scope]]:
    """One who looks until there is something to watch, or the test is over."""
    async with connected(place.cluster, token=token) as api:
        task = asyncio.create_task(scope_at_last(watched, api))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})


async def said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    await asyncio.to_thread(eventually, lambda: words in caplog.text, f"it says: {words}")


async def test_a_namespace_that_it_may_not_look_into(
    ours: Namespace, namespaces: Callable[[], Namespace], caplog: pytest.LogCaptureFixture
) -> None:
    """It is told of; the other one is watched."""
    theirs, token = namespaces(), accounts.made(ours.kubectl, ACCOUNT)
    accounts.allow(ours.kubectl, ACCOUNT, accounts.LOOK_ON)
    async with looking((ours.name, theirs.name), ours, token) as task:
        scope = await asyncio.wait_for(task, SECONDS)
    assert scope.namespaces == {ours.name}
    assert f"no right to look into: {theirs.name}; the other namespaces are watched" in caplog.text


async def test_no_right_at_all(ours: Namespace, caplog: pytest.LogCaptureFixture) -> None:
    """It says so once, and goes on asking: a right that comes is enough."""
    token = accounts.made(ours.kubectl, ACCOUNT)
    log = ours.cluster.audit()

    def refused() -> list[Request]:
        return [each for each in log.requests(account=f"{ours.name}/{ACCOUNT}") if each.code == HTTPStatus.FORBIDDEN]

    async with looking((ours.name,), ours, token) as task:
        await said(caplog, "nothing to watch yet: there is no CustomResourceDefinition")
        await asyncio.to_thread(eventually, lambda: len(refused()) > 1, "it asks again")
        accounts.allow(ours.kubectl, ACCOUNT, accounts.LOOK_ON)
        scope = await asyncio.wait_for(task, SECONDS)
    assert scope.namespaces == {ours.name}
    assert caplog.text.count("nothing to watch yet") == 1


async def test_a_server_that_does_not_know_it(ours: Namespace, caplog: pytest.LogCaptureFixture) -> None:
    """Not the same as to have no right: whoever watched would start anew with nothing to watch."""
    async with looking((ours.name,), ours, "no.such.token") as task:
        await said(caplog, "nothing to watch yet: 401")
        assert not task.done()
    async with connected(ours.cluster, token="no.such.token") as api:
        with pytest.raises(ApiError, match="401"):
            await look((ours.name,), api)
