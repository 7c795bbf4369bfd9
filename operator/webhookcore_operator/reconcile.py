"""One reconciliation: reads a resource and all that is its own, and brings what is there to what is wanted."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from webhookcore.settings import Migrations, WebhookCoreSpec
from webhookcore.settings.check import check
from webhookcore.settings.findings import Finding
from webhookcore.settings.problems import path_of
from webhookcore_operator import claim, conditions, dependencies, gate, observe, render, scale
from webhookcore_operator.api import Api, ApiError
from webhookcore_operator.apply import Applier, ChangedMeanwhileError, Outcome, RefusedError, StrangerError, owned_by
from webhookcore_operator.children import Children
from webhookcore_operator.conditions import FALSE, TRUE, UNKNOWN, Type
from webhookcore_operator.events import Recorder
from webhookcore_operator.kinds import CONFIG, DEPLOYMENT, JOB, POD, kind_of
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.render import Inputs, Owner, Part, names
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import SCALE_MANAGER, STATUS_MANAGER
from webhookcore_operator.status import Findings, build, memory_of
from webhookcore_operator.work_queue import Key

CONFLICT_SECONDS: Final = 5.0
MISSING_SECONDS: Final = 15.0
"""Secrets are not watched."""
ROLLOUT_SECONDS: Final = 10.0
"""Deployments are; pods are not."""
SOON: Final = 0.5

_log = logging.getLogger(__name__)


class Reconciler:
    """`reconcile(key)` for the work queue."""

    def __init__(
        self,
        api: Api,
        *,
        image: str,
        monitoring: frozenset[str],
        metrics: Metrics,
        recorder: Recorder,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`image` is the operator's own; `monitoring` the Prometheus operator's kinds that the cluster has."""
        self._api = api
        self._applier = Applier(api)
        self._image = image
        self._monitoring = monitoring
        self._metrics = metrics
        self._recorder = recorder
        self._now = now

    async def reconcile(self, key: Key) -> float | None:
        """Seconds after which to look again, whatever happens; None: when something happens."""
        started = time.monotonic()
        result = "error"
        try:
            again = await self._reconcile(key)
            result = "ok"
        except ChangedMeanwhileError:
            result = "conflict"
            return SOON
        else:
            return again
        finally:
            self._metrics.reconciles.labels(result).inc()
            self._metrics.duration.observe(time.monotonic() - started)

    async def _reconcile(self, key: Key) -> float | None:
        resources = await self._api.list_all(CONFIG, key.namespace)
        resource = next((each for each in resources if each["metadata"]["name"] == key.name), None)
        if resource is None or resource["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return None
        owner = Owner(key.name, key.namespace, resource["metadata"]["uid"])
        children = await Children.read(self._api, owner, self._monitoring)
        findings = Findings(memory=memory_of(resource.get("status") or {}))
        await self._bring(resource, claim.holder(resources), children, findings)
        pods = await self._unsettled_pods(children, findings)
        await self._write_status(resource, build(resource, findings, children, pods, self._timestamp()))
        return min(findings.again, default=None)

    def _forget(self, key: Key) -> None:
        self._applier.forget_all(key.namespace, key.name)
        for type_ in Type:
            try:
                self._metrics.condition.remove(key.namespace, key.name, type_)
            except KeyError:
                continue  # it never had a status

    async def _bring(self, resource: Manifest, holder: Manifest | None, children: Children, findings: Findings) -> None:
        """Brings the children to what the spec says, as far as it goes."""
        if holder is not None and holder["metadata"]["uid"] != children.owner.uid:
            other = holder["metadata"]["name"]
            findings.say(
                Type.SPEC_APPLIED,
                FALSE,
                "NameConflict",
                f"the WebhookCoreConfig {other} of this namespace is older and has the CronJobs' names: use one "
                "resource a namespace",
            )
            findings.again.append(CONFLICT_SECONDS)
            return
        checked = check(_document(resource), tolerate_unknown=True)
        if checked.findings or checked.view is None:
            findings.say(Type.SPEC_APPLIED, FALSE, _reason(checked.findings), _told(checked.findings))
            return
        spec = checked.view.spec
        if spec.suspend:
            words = "spec.suspend is true: what runs keeps running, and nothing is changed"
            findings.say(Type.SUSPENDED, TRUE, "Suspended", words)
            findings.say(Type.SPEC_APPLIED, UNKNOWN, "Suspended", words)
            findings.say(Type.READY, UNKNOWN, "Suspended", words)
            return
        if spec.database.url_secret_ref is None:
            findings.say(
                Type.SPEC_APPLIED,
                FALSE,
                "InvalidSpec",
                "spec.database.urlSecretRef: nothing; must name the Secret with the database's URL",
            )
            return
        inputs = await self._inputs(spec, children, findings)
        if inputs is not None:
            await self._apply_all(inputs, children, findings)

    async def _inputs(self, spec: WebhookCoreSpec, children: Children, findings: Findings) -> Inputs | None:
        """What to render from; None while something that it needs is missing."""
        owner = children.owner
        try:
            internal = await dependencies.ensure_internal_secret(self._api, owner, _internal_metadata(owner))
        except LookupError as error:
            findings.say(Type.DEPENDENCIES_RESOLVED, FALSE, "InternalSecretUnusable", str(error))
            findings.again.append(MISSING_SECONDS)
            return None
        found = await dependencies.resolve(self._api, owner.namespace, spec, internal)
        if found.problems or found.services:
            reason = "SecretMissing" if found.problems else "ServiceMissing"
            words = "; ".join((*found.problems, *found.services))
            findings.say(Type.DEPENDENCIES_RESOLVED, FALSE, reason, words)
            findings.again.append(MISSING_SECONDS)
        else:
            words = "every Secret and Service that the spec names is there"
            findings.say(Type.DEPENDENCIES_RESOLVED, TRUE, "Resolved", words)
        if found.problems:
            findings.say(Type.SPEC_APPLIED, UNKNOWN, "NotLookedAt", "a Secret is missing: what runs stays as it is")
            return None
        deployment = children.own(DEPLOYMENT, names.router(owner.name))
        decided = scale.decide(spec.router, deployment)
        if deployment is not None and decided.hand_over is not None:
            await self._hand_over(deployment, children, decided.hand_over)
        return Inputs(
            owner,
            spec,
            self._image,
            found.router_hash,
            found.database_hash,
            decided.replicas,
            self._monitoring,
        )

    async def _hand_over(self, deployment: Manifest, children: Children, replicas: int) -> None:
        metadata = {field: deployment["metadata"][field] for field in ("name", "namespace", "resourceVersion")}
        body = {
            "apiVersion": DEPLOYMENT.api_version,
            "kind": DEPLOYMENT.name,
            "metadata": metadata,  # with its version: an autoscaler may have chosen another number meanwhile
            "spec": {"replicas": replicas},
        }
        try:
            now = await self._api.apply(
                DEPLOYMENT, metadata["namespace"], metadata["name"], body, manager=SCALE_MANAGER
            )
        except ApiError as error:
            if error.conflict:
                raise ChangedMeanwhileError(str(error)) from error
            raise
        children.put(now)

    async def _apply_all(self, inputs: Inputs, children: Children, findings: Findings) -> None:
        findings.image = inputs.effective_image
        wanted = render.service_accounts(inputs)
        await self._apply(wanted, children, findings)
        if inputs.spec.database.migrations is Migrations.MANUAL:
            words = "spec.database.migrations is Manual: run `webhookcore migrate` before a new version"
            findings.say(Type.DATABASE_MIGRATED, UNKNOWN, conditions.MANUAL, words)
        else:
            job = render.migration_job(inputs)
            decided = await self._migrate(inputs, job, children, findings)
            wanted.append(job)
            if not decided.open:
                findings.say(Type.SPEC_APPLIED, FALSE, conditions.ROLLING_OUT, "waits for the database's migration")
                await self._prune_migrations(job, children)
                return
        more = [*render.router_children(inputs), *render.job_children(inputs)]
        await self._apply(more, children, findings)
        for live in list(children.surplus([*wanted, *more])):
            await self._delete(live, children)

    async def _apply(self, wanted: Iterable[Manifest], children: Children, findings: Findings) -> None:
        """Each for itself: one that cannot be must not keep the others from being right."""
        for manifest in wanted:
            try:
                applied = await self._applier.apply(manifest, await children.find(self._api, manifest))
            except StrangerError as error:
                words = f"{error}: delete or rename it, and it is made within {CONFLICT_SECONDS:.0f} s"
                findings.say(Type.SPEC_APPLIED, FALSE, "NameConflict", words)
                findings.again.append(CONFLICT_SECONDS)
            except RefusedError as error:
                findings.say(Type.SPEC_APPLIED, FALSE, "InvalidSpec", f"the API server refuses the {error}")
            else:
                children.put(applied.live)
                self._told_of(manifest, applied.outcome)

    def _told_of(self, manifest: Manifest, outcome: Outcome) -> None:
        if outcome in (Outcome.SKIPPED, Outcome.SAME):
            return
        _log.info(
            "%s %s/%s: %s", manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"], outcome
        )
        if outcome is Outcome.REPAIRED:
            self._metrics.drift.labels(manifest["kind"]).inc()

    async def _migrate(self, inputs: Inputs, job: Manifest, children: Children, findings: Findings) -> gate.Gate:
        wanted = render.migration_hash(inputs)
        live = await children.find(self._api, job) if findings.memory.done != wanted else None
        if live is not None and not owned_by(live, children.owner.uid):
            live = None  # says nothing of this resource's database; making ours then tells of the name's conflict
        pods = await self._pods_of(children.owner, job) if live is not None else []
        decided = gate.decide(
            wanted, findings.memory, live, _last_words(pods), self._now(), stalled=observe.broken(pods)
        )
        findings.memory = decided.memory
        findings.say(Type.DATABASE_MIGRATED, decided.status, decided.reason, decided.message)
        if decided.step is gate.Step.CREATE:
            await self._apply([job], children, findings)
        elif decided.step is gate.Step.DELETE and live is not None:
            await self._delete(live, children)
        if decided.again_at is not None:
            findings.again.append(max((decided.again_at - self._now()).total_seconds(), SOON))
        return decided

    async def _pods_of(self, owner: Owner, job: Manifest) -> list[Manifest]:
        labels = {"batch.kubernetes.io/job-name": job["metadata"]["name"]}
        return await self._api.list_all(POD, owner.namespace, labels=labels)

    async def _prune_migrations(self, job: Manifest, children: Children) -> None:
        """A migration that is not wanted any more holds up the one that is."""
        for live in list(children.surplus([job])):
            if live["kind"] == JOB.name:
                await self._delete(live, children)

    async def _delete(self, live: Manifest, children: Children) -> None:
        await self._api.delete(kind_of(live), live)
        self._applier.forget(live)
        children.drop(live)

    async def _unsettled_pods(self, children: Children, findings: Findings) -> list[Manifest]:
        deployment = children.own(DEPLOYMENT, names.router(children.owner.name))
        if deployment is None or scale.settled(deployment):
            return []
        findings.again.append(ROLLOUT_SECONDS)
        labels = names.selector(children.owner.name, Part.ROUTER)
        return await self._api.list_all(POD, children.owner.namespace, labels=labels)

    def _timestamp(self) -> str:
        return f"{self._now():%FT%TZ}"

    async def _write_status(self, resource: Manifest, status: Manifest) -> None:
        metadata = resource["metadata"]
        for condition in status["conditions"]:
            is_true = condition["status"] == TRUE
            self._metrics.condition.labels(metadata["namespace"], metadata["name"], condition["type"]).set(is_true)
        before = resource.get("status") or {}
        if status == before:
            return
        body = {
            "apiVersion": CONFIG.api_version,
            "kind": CONFIG.name,
            # Not on another resource that has got the same name meanwhile.
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "status": status,
        }
        try:
            await self._api.apply(
                CONFIG, metadata["namespace"], metadata["name"], body, manager=STATUS_MANAGER, subresource="status"
            )
        except ApiError as error:
            if error.not_found or error.conflict:
                return  # it is gone, or another one
            raise
        await self._recorder.record(resource, conditions.transitions(before, status))


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


def _document(resource: Manifest) -> Manifest:
    """What core's settings know of a resource."""
    return {
        "apiVersion": resource["apiVersion"],
        "kind": resource["kind"],
        "metadata": {"name": resource["metadata"]["name"]},
        "spec": resource.get("spec") or {},
    }


def _reason(found: Iterable[Finding]) -> str:
    claimed = all("must not read the same as" in finding.allowed for finding in found)
    return "KeywordConflict" if claimed else "InvalidSpec"


def _told(found: Iterable[Finding]) -> str:
    return "; ".join(f"{path_of(finding.loc)}: {finding.found}; {finding.allowed}" for finding in found)


def _internal_metadata(owner: Owner) -> dict[str, Any]:
    return {
        "name": names.internal_secret(owner.name),
        "namespace": owner.namespace,
        "labels": names.labels(owner.name, Part.ROUTER),
        "ownerReferences": [names.owner_reference(owner.name, owner.uid)],
    }
