"""How an alert is written: the series of one resource's routers, and a rule of a PrometheusRule."""

from enum import StrEnum
from typing import Any

from webhookcore_operator.render import names
from webhookcore_operator.render.inputs import Owner


class Severity(StrEnum):
    """Who has to look, and when."""

    CRITICAL = "critical"
    """Now: messages may be lost to Meta's patience, or nobody can tell."""
    WARNING = "warning"
    """Today."""
    INFO = "info"
    """Once there is time."""


def series(owner: Owner, metric: str, *matchers: str) -> str:
    """A metric of the resource's routers, which have this namespace and name however Prometheus finds them."""
    # A Deployment's pod is <name>-<hash>-<five more>; a long name swallows the hyphen between the last two.
    pods = f"{names.router(owner.name)}-[a-z0-9]+-?[a-z0-9]{{5}}"
    wanted = (equals("namespace", owner.namespace), f'pod=~"{pods}"', *matchers)
    return f"{metric}{{{','.join(wanted)}}}"


def equals(label: str, value: str) -> str:
    """A matcher."""
    return f'{label}="{value}"'


def alert(
    name: str,
    expression: str,
    summary: str,
    description: str,
    *,
    lasting: str,
    severity: Severity = Severity.WARNING,
    **labels: str,
) -> dict[str, Any]:
    """A rule that fires once `expression` has been true for so long."""
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": severity.value, **labels},
        "annotations": {"summary": summary, "description": description},
    }
