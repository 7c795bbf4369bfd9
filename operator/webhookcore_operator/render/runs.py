"""What all Jobs have in common: when a failed pod is tried again, and when not."""

from typing import Any, Final

from webhookcore_operator.render import names, pods
from webhookcore_operator.render.inputs import Inputs

REQUESTS: Final = {"cpu": "50m", "memory": "128Mi"}
RESTART: Final = "Never"
"""Only so is a failed pod there to be looked at, and a podFailurePolicy allowed."""
CONFIGURATION: Final = 78
"""The exit code of what will not get better by itself."""


def job_spec(inputs: Inputs, pod: pods.Pod, *, seconds: int) -> dict[str, Any]:
    """A Job's spec: it ends after `seconds`, tries included."""
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
        "template": pods.template(inputs, pod),
    }


def _exit_codes(part: names.Part) -> dict[str, Any]:
    return {"containerName": part.value, "operator": "In", "values": [CONFIGURATION]}
