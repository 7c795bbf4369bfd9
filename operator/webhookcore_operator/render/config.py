"""The ConfigMaps: what each part reads of the spec, and nothing else, so that no other change touches it.

A ConfigMap is immutable and its name changes with its text: pods of before keep reading theirs.
"""

from typing import Final

from webhookcore.settings import (
    Cleanup,
    Database,
    Dlq,
    Router,
    SecretRef,
    Sessions,
    WebhookCoreSpec,
    WhatsApp,
)
from webhookcore.settings.render import render_config
from webhookcore_operator.render import names
from webhookcore_operator.render.inputs import Inputs, Manifest, child

FILE: Final = "webhookcoreconfig.yaml"

NOT_READ: Final = SecretRef(name="not-read-by-jobs", key="not-read-by-jobs")
"""Stands in the jobs' config where every config must name a Secret: the jobs have nothing to do with WhatsApp."""


def router_config(inputs: Inputs) -> Manifest:
    """The routers' ConfigMap."""
    return _config_map(inputs, names.Part.ROUTER, _read_by_router(inputs.spec))


def jobs_config(inputs: Inputs) -> Manifest:
    """The ConfigMap of both jobs."""
    return _config_map(inputs, names.JOBS, _read_by_jobs(inputs.spec))


def _read_by_router(spec: WebhookCoreSpec) -> WebhookCoreSpec:
    """A dead letter's first retry is the router's to schedule: of the section `dlq` it reads backoffMinutes. Where a
    sender's message goes depends on whether the session with a service still stands.
    """
    router = spec.router
    return WebhookCoreSpec(
        database=Database(url_secret_ref=spec.database.url_secret_ref, pool_size=spec.database.pool_size),
        whatsapp=spec.whatsapp,
        router=Router(path=router.path, timeout_ms=router.timeout_ms, slo=router.slo, rate_limit=router.rate_limit),
        routes=spec.routes,
        home=spec.home,
        fallback=spec.fallback,
        statuses=spec.statuses,
        others=spec.others,
        dlq=Dlq(backoff_minutes=spec.dlq.backoff_minutes),
        sessions=Sessions(ttl_hours=spec.sessions.ttl_hours),
    )


def _read_by_jobs(spec: WebhookCoreSpec) -> WebhookCoreSpec:
    """When a job runs is its CronJob's business; how long a redelivery may take is the router's timeout."""
    dlq = spec.dlq
    return WebhookCoreSpec(
        database=Database(url_secret_ref=spec.database.url_secret_ref),
        whatsapp=WhatsApp(app_secret_ref=NOT_READ, verify_token_ref=NOT_READ, access_token_ref=NOT_READ),
        router=Router(timeout_ms=spec.router.timeout_ms),
        dlq=Dlq(
            batch_size=dlq.batch_size,
            concurrency=dlq.concurrency,
            max_retries=dlq.max_retries,
            backoff_minutes=dlq.backoff_minutes,
            max_run_seconds=dlq.max_run_seconds,
        ),
        sessions=Sessions(ttl_hours=spec.sessions.ttl_hours),
        cleanup=Cleanup(
            dlq_retention_days=spec.cleanup.dlq_retention_days,
            abandoned_retention_days=spec.cleanup.abandoned_retention_days,
        ),
    )


def _config_map(inputs: Inputs, component: str, spec: WebhookCoreSpec) -> Manifest:
    text = render_config(spec, inputs.name)
    name = names.config(inputs.name, component, text)
    return child(inputs, "ConfigMap", name, component, {"immutable": True, "data": {FILE: text}})
