"""What `helm test` asks: is an operator ready, and does the API server serve the resource?"""

from http import HTTPStatus

from aiohttp import ClientError, ClientSession

from webhookcore_operator.api import Api
from webhookcore_operator.hooks.persistence import persist
from webhookcore_operator.kinds import CONFIG


async def check_install(operator_url: str, seconds: float) -> None:
    """Returns when all is well. Raises HookError with what is not, after `seconds`."""
    await persist(lambda: _ready(operator_url), f"an operator that is ready at {operator_url}", seconds)
    api = await Api.connect()
    try:

        async def served() -> bool | None:
            return await api.serves(CONFIG) or None

        await persist(served, f"{CONFIG.name} at the API server", seconds)
    finally:
        await api.close()


async def _ready(operator_url: str) -> bool:
    async with ClientSession() as session, session.get(f"{operator_url}/readyz") as answer:
        if answer.status != HTTPStatus.OK:
            raise ClientError(f"{answer.status}: {(await answer.text()).strip()}")
        return True
