"""All figures, by the name that asks for them."""

from collections.abc import Awaitable, Callable
from typing import Final

from tests.bench.figures.acknowledge import acknowledge
from tests.bench.figures.claims import claims
from tests.bench.figures.cleanup import cleanup
from tests.bench.figures.deliver import deliver
from tests.bench.figures.hang import hang
from tests.bench.figures.memory import memory
from tests.bench.figures.operate import operate
from tests.bench.figures.overload import overload
from tests.bench.figures.redeliver import every_service_hangs, redeliver
from tests.bench.figures.start import start
from tests.bench.result import Result
from tests.bench.rig import Rig

FIGURES: Final[dict[str, Callable[[Rig], Awaitable[list[Result]]]]] = {
    "ack": acknowledge,
    "delivered": deliver,
    "hang": hang,
    "overload": overload,
    "dlq": redeliver,
    "dlq-hang": every_service_hangs,
    "dlq-statements": claims,
    "cleanup": cleanup,
    "start": start,
    "memory": memory,
    "operator": operate,
}
