"""The database's migration in a reconciliation: reads the Job and its pods, asks the gate, does what it says."""

from collections.abc import Iterable
from datetime import datetime

from webhookcore_operator import gate, observe, render
from webhookcore_operator.api import Api
from webhookcore_operator.children import Children
from webhookcore_operator.conditions import Type
from webhookcore_operator.kinds import JOB, POD
from webhookcore_operator.live import owned_by
from webhookcore_operator.render import Inputs
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.status import Findings
from webhookcore_operator.writer import ChildWriter


async def migrate(
    api: Api, writer: ChildWriter, inputs: Inputs, children: Children, findings: Findings, *, now: datetime
) -> bool:
    """Whether the gate is open: what needs this image's schema may run."""
    job, wanted = render.migration_job(inputs), render.migration_hash(inputs)
    live = await children.find(api, job) if findings.memory.done != wanted else None
    if live is not None and not owned_by(live, children.owner.uid):
        live = None  # says nothing of this resource's database; making ours then tells of the name's conflict
    pods = await _pods_of(api, live) if live is not None else []
    stalled = (observe.broken(pods) or observe.unplaced(live, pods, now)) if live is not None else ""
    decided = gate.decide(
        wanted,
        findings.memory,
        live,
        _last_words(pods),
        now,
        stalled=stalled,
        outdated=live is not None and gate.is_outdated(live, job),
    )
    findings.memory = decided.memory
    findings.say(Type.DATABASE_MIGRATED, decided.status, decided.reason, decided.message)
    if decided.step is gate.Step.CREATE:
        await writer.apply([job], children, findings)
    elif decided.step is gate.Step.DELETE and live is not None:
        await writer.delete(live, children)
    if decided.again_at is not None:
        findings.look_again(decided.again_at, now)
    if not decided.open:
        # A migration that is not wanted any more holds up the one that is.
        await writer.prune_kind(JOB, [job], children)
    return decided.open


async def _pods_of(api: Api, job: Manifest) -> list[Manifest]:
    labels = {"batch.kubernetes.io/job-name": job["metadata"]["name"]}
    return await api.list_all(POD, job["metadata"]["namespace"], labels=labels)


def _last_words(pods: Iterable[Manifest]) -> str:
    """What the last one that failed said: kept by the kubelet, so that no right to read logs is needed."""
    ended = [
        terminated
        for pod in pods
        for container in (pod.get("status") or {}).get("containerStatuses") or ()
        if (terminated := (container.get("state") or {}).get("terminated")) and terminated.get("exitCode")
    ]
    if not ended:
        return ""
    last = max(ended, key=lambda each: str(each.get("finishedAt")))
    return " / ".join(str(last.get("message", "")).strip().splitlines()[-3:])
