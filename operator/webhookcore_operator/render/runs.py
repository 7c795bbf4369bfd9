"""What all Jobs have in common: when a failed pod is tried again, and when not."""

from typing import Any, Final

from webhookcore_operator.render import names, pods
from webhookcore_operator.render.inputs import Inputs

REQUESTS: Final = {"cpu": "50m", "memory": "128Mi"}
CONFIGURATION: Final = 78
"""The exit code of what will not get better by itself."""


def job_spec(inputs: Inputs, pod: pods.Pod, *, seconds: int) -> dict[str, Any]:
    """A Job's spec: it ends after `seconds`, tries included."""
    template = pods.template(inputs, pod)
    # Only with Never is a failed pod's log there to be read, and a podFailurePolicy allowed.
    template["spec"]["restartPolicy"] = "Never"
    return {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 2,
        "activeDeadlineSeconds": seconds,
        "podFailurePolicy": {
            "rules": [
                # A drained node, a preemption: no failure of the job's.
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {"action": "FailJob", "onExitCodes": _exit_codes(pod.part)},
            ]
        },
        "template": template,
    }


def _exit_codes(part: names.Part) -> dict[str, Any]:
    return {"containerName": part.value, "operator": "In", "values": [CONFIGURATION]}
