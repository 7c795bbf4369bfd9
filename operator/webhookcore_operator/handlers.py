"""kopf's part: its watches put keys on the work queue, and do nothing else.

Only `on.event` handlers: they write nothing to the resource. Timers, daemons and `on.update` would add finalizers or
annotations, and a finalizer keeps a resource for ever when the operator is uninstalled first.
"""

from collections.abc import Mapping
from typing import Any, Final

import kopf

from webhookcore_operator.kinds import CHILDREN, CONFIG, MONITORING, Kind
from webhookcore_operator.render.names import APP, LABEL_INSTANCE, LABEL_NAME
from webhookcore_operator.work_queue import Key, WorkQueue

_OURS: Final = f"{LABEL_NAME}={APP}"


def registry_for(queue: WorkQueue, monitoring: frozenset[str]) -> kopf.OperatorRegistry:
    """Handlers that add the resource of each event to `queue`; `monitoring` are the kinds beyond every cluster's."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        # kopf's default would import the whole synchronous client for this.
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    # Coroutines: kopf would call plain functions in a thread of their own.
    async def changed(namespace: str | None, name: str | None, **_: Any) -> None:
        if namespace and name:
            queue.add(Key(namespace, name))

    async def child_changed(
        namespace: str | None, labels: Mapping[str, str], meta: Mapping[str, Any], **_: Any
    ) -> None:
        # Its label may be what somebody has changed; who has none of our owners may be a stranger in the way.
        owners = {each["name"] for each in meta.get("ownerReferences") or () if each["kind"] == CONFIG.name}
        for name in owners | {labels.get(LABEL_INSTANCE)}:
            if namespace and name:
                queue.add(Key(namespace, name))

    _on_event(registry, CONFIG, changed)
    for kind in (*CHILDREN, *(kind for kind in MONITORING if kind.name in monitoring)):
        _on_event(registry, kind, child_changed)
    return registry


def _on_event(registry: kopf.OperatorRegistry, kind: Kind, handler: Any) -> None:
    group, _, version = kind.api_version.rpartition("/")
    kopf.on.event(group, version, kind.plural, registry=registry, id=kind.plural)(handler)


def settings() -> kopf.OperatorSettings:
    """Kopf's settings: it reports nothing, and a watch that went dead is noticed in a minute."""
    made = kopf.OperatorSettings()
    made.scanning.disabled = True
    made.posting.enabled = False
    made.posting.loggers = False
    made.watching.connect_timeout = 10
    made.watching.server_timeout = 300
    made.watching.client_timeout = 330
    made.watching.inactivity_timeout = 70
    made.networking.request_timeout = 15
    made.process.ultimate_exiting_timeout = 25
    for kind in (*CHILDREN, *MONITORING):
        group, _, version = kind.api_version.rpartition("/")
        made.watching.label_selectors[group, version, kind.plural] = _OURS
    return made
