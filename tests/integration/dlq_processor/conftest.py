"""A listener that answers what a router would."""

from collections.abc import AsyncIterator

import pytest
from tests.support.internal_listener import InternalListener


@pytest.fixture
async def listener() -> AsyncIterator[InternalListener]:
    async with InternalListener() as listener:
        yield listener
