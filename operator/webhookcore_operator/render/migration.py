"""The migration Job. A Job cannot be changed: what makes another migration necessary makes another name."""

import json
from typing import Final

from webhookcore_operator.render import names, pods, runs
from webhookcore_operator.render.inputs import Inputs, Manifest, child
from webhookcore_operator.render.names import Part

SECONDS: Final = 3600
"""`webhookcore migrate` waits two minutes for the database by itself; a large table takes its time."""
GRACE_SECONDS: Final = 30


def migration_hash(inputs: Inputs) -> str:
    """Another one with another image, another database Secret, or another URL in it."""
    ref = inputs.database_ref
    return names.short_hash(json.dumps([inputs.effective_image, ref.name, ref.key, inputs.database_hash]))


def migration_job(inputs: Inputs) -> Manifest:
    """The Job. It has no time to live: the operator reads its result, and prunes it."""
    ref = inputs.database_ref
    url = {"secretKeyRef": {"name": ref.name, "key": ref.key, "optional": False}}
    pod = pods.Pod(
        part=Part.MIGRATE,
        service_account=names.jobs(inputs.name),
        grace_seconds=GRACE_SECONDS,
        args=(Part.MIGRATE.value,),
        requests=runs.REQUESTS,
        restart=runs.RESTART,
        env=({"name": "DATABASE_URL", "valueFrom": url},),
    )
    spec = {"suspend": False, **runs.job_spec(inputs, pod, seconds=SECONDS)}
    name = names.migration(inputs.name, migration_hash(inputs))
    job = child(inputs, "Job", name, Part.MIGRATE, {"spec": spec})
    image = inputs.spec.image
    start = json.dumps([image.pull_policy.value, list(image.pull_secrets), pods.placement(inputs)], sort_keys=True)
    job["metadata"]["annotations"] = {names.START_ANNOTATION: names.short_hash(start)}
    return job
