"""A resource that stands still: no message, no scheduled run. What is written about it has another cause."""

from copy import deepcopy
from typing import Any, Final

from tests.cluster.support import operator as operators
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import Operator
from tests.support.config import route
from tests.unit.settings.configs import changed

NAME: Final = "test"
ROUTER: Final = f"{NAME}-router"
TASKS: Final = ("dlq-processor", "session-cleanup")
_CALM: Final = {"spec.dlq": {"suspend": True}, "spec.cleanup": {"suspend": True}, "spec.router": {"replicas": 1}}


def standing(namespace: Namespace, name: str = NAME, **changes: Any) -> dict[str, Any]:
    """One router whose CronJobs are suspended; `changes` as of `changed`: `**{"spec.router.replicas": 2}`."""
    rides = route("rides", "http://rides.example/webhook")
    return changed({**deepcopy(_CALM), **changes}, namespace.config(rides, name=name, fallback="rides"))


def stand(operator: Operator, namespace: Namespace, database_url: str, **changes: Any) -> None:
    """Returns once it stands and nothing about it is under way."""
    namespace.secrets(database_url)
    namespace.kubectl.apply(standing(namespace, **changes))
    operators.ready(namespace.kubectl)
    operator.resynced()
