"""One reconciliation: reads a resource and all that is its own, and brings what is there to what is wanted."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from webhookcore.settings import Migrations, WebhookCoreSpec
from webhookcore.settings.check import check
from webhookcore.settings.findings import Finding
from webhookcore.settings.problems import path_of
from webhookcore_operator import claim, conditions, dependencies, render, scale
from webhookcore_operator.api import UNREACHABLE, Api, ApiError
from webhookcore_operator.apply import ChangedMeanwhileError
from webhookcore_operator.children import Children
from webhookcore_operator.conditions import FALSE, TRUE, UNKNOWN, Type
from webhookcore_operator.events import Recorder
from webhookcore_operator.kinds import AUTOSCALER, CONFIG, DEPLOYMENT, POD
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.migration import migrate
from webhookcore_operator.render import Inputs, Owner, Part, names
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import SCALE_MANAGER, STATUS_MANAGER
from webhookcore_operator.status import SOON, Findings, build, memory_of
from webhookcore_operator.work_queue import Key
from webhookcore_operator.writer import ChildWriter

MISSING_SECONDS: Final = 15.0
"""Secrets are not watched."""
ROLLOUT_SECONDS: Final = 10.0
"""Deployments are; pods are not."""
FAILURES: Final = 3
"""In a row, after which a resource is told of it: an API server that is about to restart answers anything."""
_SUSPENDED: Final = "spec.suspend is true: what runs keeps running, and nothing is changed"

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
        wake: Callable[[Key], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`image` is the operator's own; `monitoring` the Prometheus operator's kinds that the cluster has; `wake` has
        another resource reconciled.
        """
        self._api = api
        self._writer = ChildWriter(api, metrics)
        self._image = image
        self._monitoring = monitoring
        self._metrics = metrics
        self._recorder = recorder
        self._wake = wake
        self._now = now
        self._failures: Counter[Key] = Counter()

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
        except ApiError:
            self._failures[key] += 1
            raise
        else:
            del self._failures[key]
            return again
        finally:
            self._metrics.reconciles.labels(result).inc()
            self._metrics.duration.observe(time.monotonic() - started)

    async def _reconcile(self, key: Key) -> float | None:
        resources = await self._api.list_all(CONFIG, key.namespace)
        resource, holder = next((each for each in resources if _key(each) == key), None), claim.holder(resources)
        if resource is None or resource["metadata"].get("deletionTimestamp"):
            self._forget(key)
            if holder is not None:
                self._wake(_key(holder))  # the names may be its own from now on
            return None
        owner = Owner(key.name, key.namespace, resource["metadata"]["uid"])
        children = await Children.read(self._api, owner, self._monitoring)
        findings = Findings(memory=memory_of(resource.get("status") or {}))
        try:
            await self._bring(resource, holder, children, findings)
        except ApiError as error:
            if self._failures[key] + 1 >= FAILURES:
                await self._tell_of_failure(resource, children, findings, error)
            raise
        pods = await self._unsettled_pods(children, findings)
        await self._write_status(resource, build(resource, findings, children, pods, self._timestamp()))
        return min(findings.again, default=None)

    async def _tell_of_failure(
        self, resource: Manifest, children: Children, findings: Findings, error: ApiError
    ) -> None:
        """What nobody foresaw: the resource must not look as if all were well. It is tried again all the same."""
        words = f"the API server answered {error}; it is tried again"
        findings.say(Type.SPEC_APPLIED, FALSE, "ReconcileFailed", words)
        try:
            await self._write_status(resource, build(resource, findings, children, (), self._timestamp()))
        except (ApiError, *UNREACHABLE):
            _log.warning("%s: its status could not be written either", _key(resource))

    def _forget(self, key: Key) -> None:
        self._writer.forget_all(key.namespace, key.name)
        del self._failures[key]
        for type_ in Type:
            try:
                self._metrics.condition.remove(key.namespace, key.name, type_)
            except KeyError:
                continue  # it never had a status

    async def _bring(self, resource: Manifest, holder: Manifest | None, children: Children, findings: Findings) -> None:
        """Brings the children to what the spec says, as far as it goes."""
        if (resource.get("spec") or {}).get("suspend") is True:
            findings.say(Type.SUSPENDED, TRUE, "Suspended", _SUSPENDED)  # whatever else may be the matter
        if holder is not None and holder["metadata"]["uid"] != children.owner.uid:
            other = holder["metadata"]["name"]
            findings.say(
                Type.SPEC_APPLIED,
                FALSE,
                conditions.NAME_CONFLICT,
                f"the WebhookCoreConfig {other} of this namespace is older and has the CronJobs' names: use one "
                "resource a namespace",
            )
            return  # it is woken when the other one is gone
        checked = check(_document(resource), tolerate_unknown=True)
        if checked.findings or checked.view is None:
            findings.say(Type.SPEC_APPLIED, FALSE, _reason(checked.findings), _told(checked.findings))
            return
        spec = checked.view.spec
        if spec.suspend:
            findings.say(Type.SPEC_APPLIED, UNKNOWN, "Suspended", _SUSPENDED)
            findings.say(Type.READY, UNKNOWN, "Suspended", _SUSPENDED)
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
        wanted = render.service_accounts(inputs)
        await self._writer.apply(wanted, children, findings)
        if inputs.spec.database.migrations is Migrations.MANUAL:
            words = "spec.database.migrations is Manual: run `webhookcore migrate` before a new version"
            findings.say(Type.DATABASE_MIGRATED, UNKNOWN, conditions.MANUAL, words)
        else:
            wanted.append(render.migration_job(inputs))
            if not await migrate(self._api, self._writer, inputs, children, findings, now=self._now()):
                findings.say(Type.SPEC_APPLIED, FALSE, conditions.ROLLING_OUT, "waits for the database's migration")
                return
        more = [*render.router_children(inputs), *render.job_children(inputs)]
        # One that goes must not see the number that is the resource's again: it would put its own in its place.
        await self._writer.prune_kind(AUTOSCALER, [*wanted, *more], children)
        await self._writer.apply(more, children, findings)
        await self._writer.prune([*wanted, *more], children, findings, self._now())

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


def _key(resource: Manifest) -> Key:
    return Key(resource["metadata"]["namespace"], resource["metadata"]["name"])


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
