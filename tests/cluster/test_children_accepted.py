"""What render makes, told to the API server: it takes every child and every pod, and what somebody changes by hand is
changed back by nothing but the same apply again.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from tests.cluster.support.kubectl import Kubectl, Manifest, as_yaml
from tests.cluster.support.namespace import Namespace
from tests.unit.operator.render.resources import AUTOSCALED, EVERYTHING, MINIMAL, PLACED, children, inputs, pods

from webhookcore_operator.render import Inputs, names

CASES: Final = {
    "minimal": inputs(MINIMAL),
    "everything": inputs(EVERYTHING, monitoring=()),
    "autoscaled": inputs(AUTOSCALED, replicas=None),
    "placed": inputs(PLACED, replicas=1),
}

SPOILED_POD: Final[Mapping[str, Any]] = {
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "dnsPolicy": "Default",
    "enableServiceLinks": True,
    "automountServiceAccountToken": True,
    "terminationGracePeriodSeconds": 0,
    "containers": [
        {
            "name": "router",
            "command": ["sleep"],
            "args": ["9"],
            "image": "registry.example/another",
            "imagePullPolicy": "Always",
            "ports": [{"containerPort": 8080, "protocol": "TCP", "hostPort": 8080}],
            "securityContext": {
                "allowPrivilegeEscalation": True,
                "readOnlyRootFilesystem": False,
                "capabilities": {"add": ["NET_ADMIN"]},
            },
        }
    ],
}
SPOILED: Final[Mapping[tuple[str, str], Mapping[str, Any]]] = {
    ("deployment", "core-router"): {
        "paused": True,
        "replicas": 9,
        "progressDeadlineSeconds": 1,
        "strategy": {"rollingUpdate": {"maxUnavailable": "50%"}},
        "template": {"spec": SPOILED_POD},
    },
    ("service", "core-router"): {"selector": {"app.kubernetes.io/name": "another"}, "type": "NodePort"},
    ("cronjob", "dlq-processor"): {
        "suspend": True,
        "schedule": "0 0 1 1 *",
        "concurrencyPolicy": "Allow",
        "jobTemplate": {"spec": {"backoffLimit": 9, "activeDeadlineSeconds": 9, "podFailurePolicy": None}},
    },
    ("poddisruptionbudget", "core-router"): {"maxUnavailable": "100%"},
    ("networkpolicy", "core-router"): {"ingress": [{}]},
}


def told(wanted: Inputs, namespace: Namespace) -> list[Manifest]:
    """The children in this namespace, without their owner: there is none, and they would be collected."""
    found: list[Manifest] = []
    for child in children(wanted):
        metadata = {name: value for name, value in child["metadata"].items() if name != "ownerReferences"}
        found.append({**child, "metadata": {**metadata, "namespace": namespace.name}})
    return found


def apply(kubectl: Kubectl, manifests: list[Manifest], *how: str) -> str:
    """As the operator does; what the server warns of."""
    manager = f"--field-manager={names.FIELD_MANAGER}"
    arguments = ("apply", "--server-side", "--force-conflicts", manager, *how, "-f", "-")
    return kubectl(*arguments, stdin=as_yaml(*manifests)).err


@pytest.mark.parametrize("case", CASES)
def test_accepted(case: str, namespace: Namespace) -> None:
    """Every child and every pod, without a warning, where Pod Security is restricted. Nothing is kept."""
    known = [child for child in told(CASES[case], namespace) if not child["apiVersion"].startswith("monitoring.")]
    assert apply(namespace.kubectl, known, "--dry-run=server") == ""
    for part, template in pods(children(CASES[case])).items():
        spec = {name: value for name, value in template["spec"].items() if name != "serviceAccountName"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": part}, "spec": spec}
        said = namespace.kubectl("create", "--dry-run=server", "-f", "-", stdin=as_yaml(pod))
        assert said.err == ""


def test_changed_back(namespace: Namespace) -> None:
    """Whatever of a child matters for safety is named in it, and so repaired; and what is right is left alone."""
    kubectl = namespace.kubectl
    wanted = inputs({**MINIMAL, "networkPolicy": {"enabled": True}}, replicas=0)  # nothing has to run
    without = ("Job", "ServiceAccount", "ConfigMap")
    manifests = [child for child in told(wanted, namespace) if child["kind"] not in without]
    apply(kubectl, manifests)
    before = {each: kubectl.must_get(*each) for each in SPOILED}
    apply(kubectl, manifests)
    for each, live in before.items():
        assert kubectl.must_get(*each)["metadata"].get("generation") == live["metadata"].get("generation")
    for (kind, name), spec in SPOILED.items():
        patch = json.dumps({"spec": spec})
        how = ["--type=merge"] if kind == "networkpolicy" else []
        kubectl("patch", kind, name, *how, "-p", patch, "--field-manager=somebody")
    assert all(kubectl.must_get(*each)["spec"] != live["spec"] for each, live in before.items())
    assert apply(kubectl, manifests) == ""
    for each, live in before.items():
        assert kubectl.must_get(*each)["spec"] == live["spec"]
