"""What somebody added to what we wrote.

Server-side apply keeps what another manager owns: an injected container, a node selector, a limit survive a forced
apply. So all that is live and was not rendered is taken out, except for what the server fills in by itself and for the
labels and annotations of others.
"""

from collections.abc import Iterator
from typing import Any, Final

from webhookcore_operator.render.inputs import Manifest

_KINDS: Final = frozenset({
    "CronJob", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor",
    "PrometheusRule", "Service",
})  # fmt: skip
"""Those with a spec that can be changed."""
_KEYS: Final = {
    "initContainers": ("name",),
    "containers": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "env": ("name",),
    "envFrom": (),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port"),
    "groups": ("name",),
}
"""Lists that several managers may add to, and what tells their items apart; all others are their manager's whole."""
_FILLED_IN: Final = {
    "schedulerName": "default-scheduler",
    "terminationMessagePath": "/dev/termination-log",
    "internalTrafficPolicy": "Cluster",
}
"""By the server, where nobody says anything. One that is not listed here costs a patch that changes nothing."""
GIVEN: Final = {
    "Deployment": frozenset({"replicas"}),
    "Service": frozenset({"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}),
}
"""Fields of the spec that are somebody else's to say, where we say nothing: an autoscaler's, the server's."""


def removals(wanted: Manifest, live: Manifest) -> list[dict[str, Any]]:
    """JSON patch operations that take the surplus out of `live`; of a changed object the server says a conflict."""
    if wanted["kind"] not in _KINDS or "spec" not in live:
        return []
    given = {f"/spec/{field}" for field in GIVEN.get(wanted["kind"], ())}
    found = [path for path in _surplus(wanted.get("spec", {}), live["spec"], "/spec") if path not in given]
    if not found:
        return []
    # From the end of each list, so that the positions before stay what they are.
    return [_version(live), *({"op": "remove", "path": path} for path in reversed(found))]


def whole_spec(wanted: Manifest, live: Manifest) -> list[dict[str, Any]]:
    """JSON patch operations that put all of our spec in the place of what is there; a conflict as well."""
    if wanted["kind"] not in _KINDS:
        return []
    given = GIVEN.get(wanted["kind"], frozenset())
    spec = {**{field: value for field, value in live["spec"].items() if field in given}, **wanted["spec"]}
    return [_version(live), {"op": "replace", "path": "/spec", "value": spec}]


def _version(live: Manifest) -> dict[str, Any]:
    """Not a `test`: of one that fails the server says the same (422) as of an object that it does not take."""
    return {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}


def _surplus(wanted: Manifest, live: Manifest, path: str) -> Iterator[str]:
    for field, value in live.items():
        place = f"{path}/{_escaped(field)}"
        if field not in wanted:
            if not _filled_in(wanted, field, value):
                yield place
        elif isinstance(value, dict) and isinstance(wanted[field], dict):
            if field != "metadata":
                yield from _surplus(wanted[field], value, place)
        elif field in _KEYS and isinstance(value, list):
            yield from _in_list(wanted[field], value, place, _KEYS[field])


def _in_list(wanted: list[Manifest], live: list[Manifest], path: str, keys: tuple[str, ...]) -> Iterator[str]:
    ours = {_key(item, keys): item for item in wanted} if keys else {}
    for index, item in enumerate(live):
        place = f"{path}/{index}"
        if _key(item, keys) not in ours:
            yield place
        else:
            yield from _surplus(ours[_key(item, keys)], item, place)


def _key(item: Manifest, keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)


def _filled_in(wanted: Manifest, field: str, value: Any) -> bool:
    """Whether it is the server's: `serviceAccount` is an old name of another field."""
    return bool(_FILLED_IN.get(field) == value or (field == "serviceAccount" and value == wanted["serviceAccountName"]))


def _escaped(field: str) -> str:
    """As a JSON pointer wants it."""
    return field.replace("~", "~0").replace("/", "~1")
