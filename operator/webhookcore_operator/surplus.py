"""What somebody added to a list that we wrote.

Server-side apply keeps list items that another manager owns: an injected container survives a forced apply. So the
names of the items are compared, and what is not ours is taken out.
"""

from collections.abc import Iterator
from typing import Any, Final

from webhookcore_operator.render.inputs import Manifest

_POD_TEMPLATES: Final = {
    "Deployment": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_POD_LISTS: Final = ("initContainers", "containers", "volumes")
_CONTAINER_LISTS: Final = (("env", "name"), ("envFrom", ""), ("volumeMounts", "mountPath"), ("ports", "containerPort"))


def removals(wanted: Manifest, live: Manifest) -> list[dict[str, Any]]:
    """JSON patch operations that take the surplus items out of `live`, and test first that it has not changed."""
    place = _POD_TEMPLATES.get(wanted["kind"])
    if place is None:
        return []
    found = list(_surplus(_at(wanted, place), _at(live, place), "/" + "/".join(place)))
    if not found:
        return []
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}
    # From the end of each list, so that the positions before stay what they are.
    return [version, *({"op": "remove", "path": path} for path in reversed(found))]


def _at(manifest: Manifest, place: tuple[str, ...]) -> Manifest:
    for step in place:
        manifest = manifest[step]
    return manifest


def _surplus(wanted: Manifest, live: Manifest, path: str) -> Iterator[str]:
    for field in _POD_LISTS:
        ours = {item["name"]: item for item in wanted.get(field) or ()}
        for index, item in enumerate(live.get(field) or ()):
            if item["name"] not in ours:
                yield f"{path}/{field}/{index}"
            elif field != "volumes":
                yield from _in_container(ours[item["name"]], item, f"{path}/{field}/{index}")


def _in_container(wanted: Manifest, live: Manifest, path: str) -> Iterator[str]:
    for field, key in _CONTAINER_LISTS:
        ours = {item.get(key) for item in wanted.get(field) or ()}
        for index, item in enumerate(live.get(field) or ()):
            if not key or item.get(key) not in ours:
                yield f"{path}/{field}/{index}"
