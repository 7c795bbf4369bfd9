"""What the operator has to watch: the kinds that the cluster has, the namespaces that it may look into."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from webhookcore_operator.api import UNREACHABLE, Api, ApiError
from webhookcore_operator.kinds import CONFIG, MONITORING
from webhookcore_operator.render.inputs import Manifest

RETRY_SECONDS: Final = 2.0
"""What could not be found out is asked again so often."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """What there is to watch."""

    kinds: frozenset[str]
    """Those of the Prometheus operator's that the cluster has."""
    namespaces: frozenset[str]
    """Those that the operator is told to watch and may look into; "" stands for all. Empty where it may not look into
    any, or the CRD is not there.
    """


class ScopeChangedError(Exception):
    """There is something else to watch than before: who watches it starts anew."""

    def __init__(self, now: Scope, before: Scope) -> None:
        words = ", ".join(sorted((now.kinds ^ before.kinds) | (now.namespaces ^ before.namespaces)))
        super().__init__(f"there is something else to watch than before ({words}): starting anew")


async def look(watched: tuple[str, ...], api: Api) -> tuple[Scope, list[Manifest]]:
    """What there is to watch of `watched` (namespaces; empty: all), and all resources in it. Raises ApiError and what
    UNREACHABLE names.

    A namespace that is deleted takes the operator's rights in it along; the others are looked after all the same.
    """
    kinds = frozenset([kind.name for kind in MONITORING if await api.serves(kind)])
    namespaces, found = set(), []
    for namespace in watched or ("",):
        try:
            found += await api.list_all(CONFIG, namespace)
        except ApiError as error:
            if not (error.forbidden or error.not_found):
                raise
        else:
            namespaces.add(namespace)
    return Scope(kinds, frozenset(namespaces)), found


async def scope_at_last(watched: tuple[str, ...], api: Api) -> Scope:
    """What there is to watch, once there is anything: kopf watches only what it finds as it starts."""
    said = ""
    while True:
        try:
            scope, _ = await look(watched, api)
            if scope.namespaces:
                if dark := set(watched) - scope.namespaces:
                    _log.warning("no right to look into: %s; the other namespaces are watched", ", ".join(sorted(dark)))
                return scope
            trouble = "there is no CustomResourceDefinition of WebhookCoreConfigs, or no right to list them"
        except (ApiError, *UNREACHABLE) as error:
            trouble = str(error) or type(error).__name__
        if trouble != said:
            _log.warning("nothing to watch yet: %s", trouble)
            said = trouble
        await asyncio.sleep(RETRY_SECONDS)
