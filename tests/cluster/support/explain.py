"""What explains a failed test: the pods, events and logs of its namespaces."""

from collections.abc import Iterator
from typing import Final

from tests.cluster.support.kubectl import Kubectl

LINES: Final = 60
"""Of each container's log."""


_CONDITIONS: Final = (
    "{range .items[*]}{.metadata.name}{'\\n'}"
    "{range .status.conditions[*]}{'  '}{.type}={.status} {.reason}: {.message}{'\\n'}{end}{end}"
)


def explain(kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    """Titles and texts for the report, of the namespace that this kubectl is in."""
    where = kubectl.namespace
    yield f"{where}: what is there", _said(kubectl, "get", "all", "-o", "wide")
    yield f"{where}: conditions", _said(kubectl, "get", "webhookcoreconfigs", "-o", f"jsonpath={_CONDITIONS}")
    yield f"{where}: events", _said(kubectl, "get", "events", "--sort-by=.lastTimestamp")
    for pod in _said(kubectl, "get", "pods", "-o", "name").split():
        for which in ([], ["--previous"]):
            text = _said(kubectl, "logs", pod, "--all-containers", "--prefix", f"--tail={LINES}", *which)
            if text and "previous terminated container" not in text:
                yield f"{where}: log of {pod}{' before its restart' if which else ''}", text


def _said(kubectl: Kubectl, *arguments: str) -> str:
    """Whatever it says: an explanation must not fail."""
    said = kubectl(*arguments, check=False, seconds=60)
    return (said.out or said.err).strip()
