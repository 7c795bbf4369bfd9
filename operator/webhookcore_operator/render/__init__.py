"""Makes the children of a WebhookCoreConfig. Pure: the same inputs give the same manifests, and nothing is read.

They are to be applied in this order: `service_accounts`, then `migration_job` (the gate: it runs as one of them), then
`router_children` and `job_children`. The Secret `<name>-internal` is not among them: it is made once, with a value that
nobody can render.
"""

from webhookcore_operator.render import config, jobs, monitoring, names, network, router, scaling
from webhookcore_operator.render.accounts import service_account
from webhookcore_operator.render.image import effective_image
from webhookcore_operator.render.inputs import POD_MONITOR, PROMETHEUS_RULE, Inputs, Manifest, Owner
from webhookcore_operator.render.migration import migration_hash, migration_job
from webhookcore_operator.render.names import Part
from webhookcore_operator.render.references import Reference, references


def service_accounts(inputs: Inputs) -> list[Manifest]:
    """The identities that all pods run as, the migration's among them."""
    return [
        service_account(inputs, names.router(inputs.name), Part.ROUTER),
        service_account(inputs, names.jobs(inputs.name), names.JOBS),
    ]


def router_children(inputs: Inputs) -> list[Manifest]:
    """All that the routers need, each after what it refers to."""
    settings = config.router_config(inputs)
    children = [
        settings,
        router.service(inputs),
        router.internal_service(inputs),
        router.deployment(inputs, settings["metadata"]["name"]),
        scaling.disruption_budget(inputs),
        scaling.autoscaler(inputs),
        network.network_policy(inputs),
        monitoring.pod_monitor(inputs),
        monitoring.prometheus_rule(inputs),
    ]
    return [child for child in children if child is not None]


def job_children(inputs: Inputs) -> list[Manifest]:
    """The jobs' ConfigMap and both CronJobs."""
    settings = config.jobs_config(inputs)
    name = settings["metadata"]["name"]
    return [settings, jobs.dlq_processor(inputs, name), jobs.session_cleanup(inputs, name)]


__all__ = [
    "POD_MONITOR",
    "PROMETHEUS_RULE",
    "Inputs",
    "Manifest",
    "Owner",
    "Part",
    "Reference",
    "effective_image",
    "job_children",
    "migration_hash",
    "migration_job",
    "names",
    "references",
    "router_children",
    "service_accounts",
]
