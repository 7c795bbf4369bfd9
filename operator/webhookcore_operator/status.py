"""The status of a resource: what is written there, and what is remembered in it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from webhookcore_operator import conditions, gate, observe
from webhookcore_operator.children import Children
from webhookcore_operator.conditions import Condition, Type
from webhookcore_operator.gate import Memory
from webhookcore_operator.kinds import CRON_JOB, DEPLOYMENT
from webhookcore_operator.render import names
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import Part

SOON: Final = 0.5
"""Seconds after which to look again, at least."""


@dataclass(slots=True)
class Findings:
    """What one reconciliation has found out. Conditions that nobody found are told from the children."""

    found: dict[Type, Condition] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    again: list[float] = field(default_factory=list)
    """Seconds after which to look again, for each reason that there is."""

    def say(self, type_: Type, status: str, reason: str, message: str) -> None:
        """The first word on a condition stands: it is the cause of those after it."""
        self.found.setdefault(type_, Condition(type_, status, reason, message))

    def look_again(self, at: datetime, now: datetime) -> None:
        """At that time, or soon where it has passed."""
        self.again.append(max((at - now).total_seconds(), SOON))


def memory_of(status: Manifest) -> Memory:
    """What the status remembers of migrations."""
    told = status.get("migration") or {}
    last = told.get("lastFailureTime")
    return Memory(
        told.get("hash", ""),
        told.get("failedHash", ""),
        told.get("failures", 0),
        datetime.fromisoformat(last) if last else None,
    )


def build(resource: Manifest, findings: Findings, children: Children, pods: Sequence[Manifest], now: str) -> Manifest:
    """The status as it is to be. `pods` are the routers' where a rollout is under way."""
    name, generation = resource["metadata"]["name"], resource["metadata"]["generation"]
    deployment = children.own(DEPLOYMENT, names.router(name))
    crons = {str(part): live for part in observe.TASKS if (live := children.own(CRON_JOB, part)) is not None}
    tasks = observe.scheduled_tasks(crons, children.runs())
    if deployment is not None:
        rollout = observe.rollout(deployment, pods)
        findings.say(*_parts(rollout))
    else:
        findings.say(Type.SPEC_APPLIED, conditions.FALSE, conditions.ROLLING_OUT, "there is no router yet")
    findings.say(*_parts(observe.routers(deployment)))
    findings.say(*_parts(observe.tasks_healthy(tasks)))
    findings.say(Type.SUSPENDED, conditions.FALSE, "NotSuspended", "the operator reconciles this resource")
    if findings.memory.done and not findings.memory.failed:
        findings.say(Type.DATABASE_MIGRATED, conditions.TRUE, *gate.MIGRATED)
    for type_ in (Type.DATABASE_MIGRATED, Type.DEPENDENCIES_RESOLVED):
        findings.say(type_, conditions.UNKNOWN, "NotLookedAt", "something else comes first")
    findings.say(*_parts(conditions.ready(findings.found.values())))
    told, before = (deployment or {}).get("status") or {}, resource.get("status") or {}
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": conditions.written([findings.found[type_] for type_ in Type], before, generation, now),
        "replicas": told.get("replicas", 0),
        "readyReplicas": told.get("readyReplicas", 0),
        "selector": ",".join(f"{key}={value}" for key, value in names.selector(name, Part.ROUTER).items()),
        "endpoint": _endpoint(resource, deployment),
        "image": _image(deployment) or before.get("image", ""),
        "scheduledTasks": tasks,
        "migration": _migration(findings.memory),
    }
    return {field: value for field, value in status.items() if value not in ("", [], {})}


def _parts(condition: Condition) -> tuple[Type, str, str, str]:
    return condition.type, condition.status, condition.reason, condition.message


def _image(deployment: Manifest | None) -> str:
    """What the routers' template says, which is not what the spec says while that waits or is refused."""
    if deployment is None:
        return ""
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _endpoint(resource: Manifest, deployment: Manifest | None) -> str:
    if deployment is None:
        return ""
    path = ((resource["spec"].get("router") or {}).get("path")) or ""
    metadata = resource["metadata"]
    return f"http://{names.router(metadata['name'])}.{metadata['namespace']}.svc{path}"


def _migration(memory: Memory) -> dict[str, Any]:
    told: dict[str, Any] = {"hash": memory.done, "failedHash": memory.failed}
    if memory.last_failure is not None:
        told |= {"failures": memory.failures, "lastFailureTime": f"{memory.last_failure:%FT%TZ}"}
    return {name: value for name, value in told.items() if value}
