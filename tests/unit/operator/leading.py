"""A process that leads by a lease of its own, and then has trouble: `python -m tests.unit.operator.leading hanging`.

`unreachable`: the API server answers once; `hanging`: the loop does; `released`: it gives the lease back.
"""

import asyncio
import sys
import time
from typing import Any

from webhookcore_operator.kinds import Kind
from webhookcore_operator.leader import Leadership, Times
from webhookcore_operator.render.inputs import Manifest

DEADLINE = 2.0


class OneLease:
    """Answers until the lease is made; from then on only to who gives it back."""

    def __init__(self) -> None:
        self._made = False

    async def get(self, *_: object) -> None:
        if self._made:
            await asyncio.Event().wait()

    async def create(self, _: Kind, __: str, body: Manifest) -> Manifest:
        self._made = True
        return body

    async def replace(self, *given: Any) -> Any:
        return given[-1]


async def main(mode: str) -> None:
    """Tells of writes, for as long as the gate lets them through."""
    api: Any = OneLease()
    leadership = Leadership(identity="a", namespace="system", times=Times(DEADLINE + 1, DEADLINE, 0.1))
    await leadership.acquire(api)
    leadership.watch()
    keeping = asyncio.create_task(leadership.keep(api))
    for number in range(5):
        leadership.gate()
        print("write", number, flush=True)
    if mode == "hanging":
        time.sleep(60)  # noqa: ASYNC251 - that is the trouble
    if mode == "released":
        keeping.cancel()
        await leadership.release(api)
        await asyncio.sleep(DEADLINE + 1)
        print("ended by itself", flush=True)
        return
    while True:
        await asyncio.sleep(0.01)
        if leadership.leads:
            leadership.gate()
            print("write", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
