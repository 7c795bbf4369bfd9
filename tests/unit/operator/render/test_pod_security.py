"""The checker itself: what `restricted` forbids is found. Each case spoils a pod that is as it should be."""

import copy
from typing import Any, Final

import pytest
from tests.unit.operator.render.pod_security import violations
from tests.unit.operator.render.resources import MINIMAL, children, inputs, pods

ROUTER: Final = pods(children(inputs(MINIMAL)))["router"]
POD: Final = ("spec", "securityContext")
CONTAINER: Final = ("spec", "containers", 0)
CONTEXT: Final = (*CONTAINER, "securityContext")


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        (("spec", "hostNetwork"), True, "hostNetwork"),
        (("spec", "hostPID"), True, "hostPID"),
        (("spec", "hostIPC"), True, "hostIPC"),
        (("spec", "volumes"), [{"name": "node", "hostPath": {"path": "/"}}], "volume hostPath"),
        ((*POD, "runAsUser"), 0, "runAsUser 0"),
        ((*POD, "sysctls"), [{"name": "kernel.msgmax", "value": "1"}], "sysctl kernel.msgmax"),
        ((*POD, "seccompProfile"), {"type": "Unconfined"}, "seccompProfile"),
        ((*POD, "appArmorProfile"), {"type": "Unconfined"}, "appArmorProfile"),
        ((*POD, "seLinuxOptions"), {"user": "root"}, "seLinuxOptions"),
        ((*POD, "windowsOptions"), {"hostProcess": True}, "hostProcess"),
        ((*CONTEXT, "privileged"), True, "router: privileged"),
        ((*CONTEXT, "allowPrivilegeEscalation"), None, "router: allowPrivilegeEscalation"),
        ((*CONTEXT, "runAsNonRoot"), False, "router: runAsNonRoot"),
        ((*CONTEXT, "capabilities"), {"drop": ["NET_RAW"]}, "router: capabilities not dropped"),
        ((*CONTEXT, "capabilities"), {"drop": ["ALL"], "add": ["SYS_ADMIN"]}, "router: capabilities added"),
        ((*CONTEXT, "procMount"), "Unmasked", "router: procMount"),
        ((*CONTEXT, "seccompProfile"), {"type": "Unconfined"}, "router: seccompProfile"),
        ((*CONTAINER, "ports"), [{"containerPort": 80, "hostPort": 80}], "router: hostPort"),
        ((*CONTAINER, "livenessProbe", "httpGet", "host"), "node.example", "router: livenessProbe of another host"),
        (
            ("metadata", "annotations"),
            {"container.apparmor.security.beta.kubernetes.io/router": "unconfined"},
            "annotation container.apparmor.security.beta.kubernetes.io/router",
        ),
    ],
)
def test_found(place: tuple[str | int, ...], value: Any, what: str) -> None:
    """A pod that is spoiled in one place."""
    template = copy.deepcopy(ROUTER)
    around: Any = template
    for step in place[:-1]:
        around = around[step]
    around[place[-1]] = value
    assert what in violations(template)


def test_init_containers() -> None:
    """They are looked at too."""
    template = copy.deepcopy(ROUTER)
    template["spec"]["initContainers"] = [{"name": "first"}]
    assert "first: capabilities not dropped" in violations(template)
