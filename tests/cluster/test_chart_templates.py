"""The chart's templates with many values: what they make, what the API server says to it, and what is refused."""

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.cluster.support.chart import CHART, NAME, image_values, of_kind, render
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import as_yaml
from tests.cluster.support.namespace import Namespace
from tests.unit.operator.render.pod_security import violations

from webhookcore_operator.render import names

PODS: Final = {"Deployment": "template", "StatefulSet": "template", "Job": "template"}
LONG: Final = "a-release-name-that-is-as-long-as-helm-lets-it-be-53x"
DIGEST: Final = "sha256:" + "0" * 64

VALUES: Final[dict[str, dict[str, Any]]] = {
    "defaults": {},
    "trial": {"embeddedPostgres": {"enabled": True}, "config": {"create": True, "name": "shop"}},
    "trial without a volume": {"embeddedPostgres": {"enabled": True, "persistence": {"enabled": False}}},
    "trial with a class": {"embeddedPostgres": {"enabled": True, "persistence": {"storageClassName": "fast"}}},
    "names": {"nameOverride": "hooks", "fullnameOverride": "our-hooks", "embeddedPostgres": {"enabled": True}},
    "digest": {"image": {"repository": "registry.example.com:5000/hooks", "digest": DIGEST, "pullSecrets": ["one"]}},
    "one replica": {"operator": {"replicas": 1, "podDisruptionBudget": False}},
    "accounts of others": {"serviceAccount": {"create": False, "name": "theirs"}, "rbac": {"create": False}},
    "own account": {"serviceAccount": {"name": "ours", "annotations": {"example.com/role": "x"}}},
    "no aggregation": {"rbac": {"aggregate": False}},
    "crds elsewhere": {"crds": {"enabled": False}},
    "crds that go": {"crds": {"keep": False}},
    "namespaces": {"watchNamespaces": ["default", "kube-public"]},
    "placed": {
        "operator": {
            "replicas": 3,
            "resyncSeconds": 60,
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {"nodeAffinity": {}},
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
            ],
            "podAnnotations": {"example.com/a": "true"},
            "resources": {"limits": {"cpu": "1"}},
        }
    },
}
ALL: Final = pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())

CHILD: Final = ("create", "delete", "get", "list", "patch", "watch")
PERMISSIONS: Final = {
    "webhookcore.io/webhookcoreconfigs": ("list", "watch"),
    "webhookcore.io/webhookcoreconfigs/status": ("patch",),
    "/services": CHILD,
    "/configmaps": CHILD,
    "/serviceaccounts": CHILD,
    "apps/deployments": CHILD,
    "batch/jobs": CHILD,
    "batch/cronjobs": CHILD,
    "policy/poddisruptionbudgets": CHILD,
    "autoscaling/horizontalpodautoscalers": CHILD,
    "networking.k8s.io/networkpolicies": CHILD,
    "monitoring.coreos.com/podmonitors": CHILD,
    "monitoring.coreos.com/prometheusrules": CHILD,
    "/secrets": ("create", "get"),
    "/pods": ("list",),
    "events.k8s.io/events": ("create",),
}
"""What the operator may do where it watches; and nothing else but its Lease."""


def permissions(role: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = defaultdict(set)
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found[f"{group}/{resource}"] |= set(rule["verbs"])
    return {resource: tuple(sorted(verbs)) for resource, verbs in found.items()}


def templates(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pod templates of all that has one."""
    found = {
        f"{each['kind']} {each['metadata']['name']}": each["spec"]["template"]
        for each in documents
        if each["kind"] in PODS
    }
    return found | {f"Pod {each['metadata']['name']}": each for each in of_kind(documents, "Pod")}


@ALL
def test_the_api_server_takes_all_of_it(cluster: Cluster, namespace: Namespace, values: dict[str, Any]) -> None:
    """Each document, hooks too, by a dry run at the server: no field that it does not know, no value that it minds."""
    documents = render(cluster, values, name=NAME, namespace=namespace.name)
    assert {each["kind"] for each in documents} >= {"Deployment", "Service", "Pod"}
    said = cluster.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"),
        stdin=as_yaml(*documents),
    )
    assert len(said.out.splitlines()) == len(documents)
    assert "would violate PodSecurity" not in said.err, "the namespace is restricted"


@ALL
def test_lint_and_pod_security(cluster: Cluster, values: dict[str, Any], tmp_path: Path) -> None:
    """No complaint of Helm's; every pod restricted, with a read-only root and bounded memory."""
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert "0 chart(s) failed" in cluster.helm("lint", "--strict", "-f", str(tmp_path / "values.yaml"), str(CHART)).out
    for name, template in templates(render(cluster, values)).items():
        assert violations(template) == [], name
        for container in template["spec"]["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"], name
            assert container["resources"], name


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"imag": {}}, "imag"),
        ({"image": {"repo": "x"}}, "repo"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"image": {"repository": "x:tag"}}, "repository"),
        ({"operator": {"replicas": "two"}}, "replicas"),
        ({"operator": {"resyncSeconds": 0}}, "resyncSeconds"),
        ({"operator": {"resyncSeconds": 301}}, "resyncSeconds"),
        ({"watchNamespaces": "default"}, "watchNamespaces"),
        ({"watchNamespaces": ["Default"]}, "watchNamespaces"),
        ({"config": {"create": "yes"}}, "create"),
        ({"config": {"create": True}, "watchNamespaces": ["shop"]}, "which is not among watchNamespaces"),
        ({"config": {"name": "1st"}}, "name"),
        ({"config": {"spec": []}}, "spec"),
        ({"embeddedPostgres": {"persistence": {"size": "big"}}}, "size"),
        ({"crds": {"enable": True}}, "enable"),
    ],
)
def test_values_that_are_refused(cluster: Cluster, tmp_path: Path, values: dict[str, Any], what: str) -> None:
    """Typos and nonsense, before anything is made; the value is named."""
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    said = cluster.helm("template", "x", str(CHART), "-f", str(tmp_path / "values.yaml"), check=False)
    assert said.code != 0
    assert what in said.err


def test_rights_in_the_whole_cluster(cluster: Cluster) -> None:
    """The table, and the Lease; no wildcard, no other ClusterRole but those of users."""
    documents = render(cluster, {})
    roles = {each["metadata"]["name"]: permissions(each) for each in of_kind(documents, "ClusterRole")}
    assert roles.pop("webhook-core-operator") == PERMISSIONS
    users = {f"webhookcore.io/webhookcoreconfigs{each}": ("get", "list", "watch") for each in ("", "/status", "/scale")}
    assert roles.pop("webhook-core-view") == users
    editors = ("create", "delete", "deletecollection", "patch", "update")
    assert roles.pop("webhook-core-edit") == {
        f"webhookcore.io/webhookcoreconfigs{each}": editors for each in ("", "/scale")
    }
    assert roles == {}
    (lease,) = of_kind(documents, "Role")
    assert permissions(lease) == {"coordination.k8s.io/leases": ("create", "get", "update")}
    assert lease["metadata"]["namespace"] == "somewhere"


def test_rights_in_some_namespaces(cluster: Cluster) -> None:
    """The same table in each, and nothing in the cluster."""
    documents = render(cluster, {"watchNamespaces": ["one", "two"], "rbac": {"aggregate": False}})
    assert of_kind(documents, "ClusterRole") == of_kind(documents, "ClusterRoleBinding") == []
    roles = {each["metadata"]["namespace"]: permissions(each) for each in of_kind(documents, "Role")}
    assert roles.pop("somewhere").keys() == {"coordination.k8s.io/leases"}
    assert roles == {"one": PERMISSIONS, "two": PERMISSIONS}
    for binding in of_kind(documents, "RoleBinding"):
        (subject,) = binding["subjects"]
        assert subject["namespace"] == "somewhere"
    (operator,) = of_kind(documents, "Deployment")
    env = {each["name"]: each.get("value") for each in operator["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["WEBHOOKCORE_WATCH_NAMESPACES"] == "one,two"


def test_the_next_release_of_the_chart_restarts_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """With the same image every pod template is the same to the letter."""
    following = tmp_path / "chart"
    shutil.copytree(CHART, following)
    text = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    (following / "Chart.yaml").write_text(text.replace("ersion: 0.1.0", "ersion: 9.9.9"), encoding="utf-8")
    values = {**VALUES["trial"], **image_values("webhook-core:same")}
    before, after = (render(cluster, values, chart=chart) for chart in (CHART, following))
    assert before != after
    old, new = templates(before), templates(after)
    for name in ("Deployment webhook-core-operator", "Job webhook-core-config"):
        assert old[name] == new[name]
    # Rendered without a cluster to ask, the password is a new one each time.
    for each in (old, new):
        del each["StatefulSet webhook-core-postgres"]["metadata"]["annotations"]["checksum/password"]
    assert old["StatefulSet webhook-core-postgres"] == new["StatefulSet webhook-core-postgres"]


def test_names_are_short_enough_under_the_longest_release_name(cluster: Cluster) -> None:
    """63 characters are what a Service's name may have, and a label's value."""
    assert len(LONG) == 53
    for document in render(cluster, VALUES["trial"], name=LONG):
        assert len(document["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in document["metadata"].get("labels", {}).values())


def test_names_of_digits_are_names(cluster: Cluster) -> None:
    """A namespace, a release and a Secret may be called by a number."""
    values = {**VALUES["trial"], "watchNamespaces": ["2024"], "image": {"pullSecrets": ["42"]}}
    documents = render(cluster, values, name="1234", namespace="2024")
    metadata = [each["metadata"] for each in documents]
    assert "2024" in {each.get("namespace") for each in metadata}
    labels = [value for each in metadata for value in each.get("labels", {}).values()]
    assert "1234" in labels
    assert all(isinstance(value, str) for value in labels)
    (operator,) = of_kind(documents, "Deployment")
    assert operator["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "42"}]


@ALL
def test_the_operator_takes_none_of_it_for_a_child(cluster: Cluster, values: dict[str, Any]) -> None:
    """It knows a resource's children by their labels, and a release may have a resource's name."""
    for document in render(cluster, values):
        assert document["metadata"].get("labels", {}).get(names.LABEL_NAME) != names.APP


def test_two_releases_with_names_of_their_own_share_no_object(cluster: Cluster) -> None:
    """But the CRD, which one of them leaves to the other."""

    def made(release: str) -> set[tuple[str, str]]:
        documents = render(cluster, {"crds": {"enabled": False}, **VALUES["trial"]}, name=release)
        return {(each["kind"], each["metadata"]["name"]) for each in documents}

    assert made("one") & made("two") == {("Secret", "webhook-core-database")}


def test_a_resource_is_what_the_values_say_to_the_letter(cluster: Cluster) -> None:
    """Words that some YAML takes for something else, large numbers, every script, and what looks like a template."""
    words = [
        "yes",
        "no",
        "on",
        "null",
        "~",
        "1:30",
        "0x10",
        "1_000",
        "2025-01-01",
        "1e3",
        "{{ .Values }}",
        "打车",
        "- a: b",
    ]
    spec = {
        "routes": [{"name": "a", "keywords": words, "menu": {"key": "1", "title": " # no comment"}}],
        "dlq": {"alertThreshold": 1_000_000, "schedule": "*/5 * * * *"},
        "home": {"text": "two\nlines: \"quoted\" 'too'\n"},
        "suspend": False,
    }
    (config_map,) = of_kind(render(cluster, {"config": {"create": True, "spec": spec}}), "ConfigMap")
    resource = yaml.safe_load(config_map["data"]["webhookcoreconfig.yaml"])
    assert resource == {
        "apiVersion": "webhookcore.io/v1alpha1",
        "kind": "WebhookCoreConfig",
        "metadata": {"name": "webhook-core"},
        "spec": spec,
    }


def test_the_embedded_postgres_is_the_resources_database_unless_another_is_named(cluster: Cluster) -> None:
    """Its other settings stay."""

    def database(**spec: Any) -> Any:
        values = {"embeddedPostgres": {"enabled": True, "secretName": "db"}, "config": {"create": True, "spec": spec}}
        (config_map,) = of_kind(render(cluster, values), "ConfigMap")
        return yaml.safe_load(config_map["data"]["webhookcoreconfig.yaml"])["spec"]["database"]

    ours, theirs = {"name": "db", "key": "url"}, {"name": "theirs", "key": "uri"}
    assert database() == {"urlSecretRef": ours}
    assert database(database={"poolSize": 4}) == {"poolSize": 4, "urlSecretRef": ours}
    assert database(database={"urlSecretRef": theirs}) == {"urlSecretRef": theirs}


def test_the_operators_monitor(cluster: Cluster) -> None:
    """It selects the operator's pods and a port that they have."""
    documents = render(
        cluster, {"podMonitor": {"enabled": True, "interval": "10s", "labels": {"release": "prometheus"}}}
    )
    (monitor,) = of_kind(documents, "PodMonitor")
    (operator,) = of_kind(documents, "Deployment")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"] == operator["spec"]["selector"]
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "http", "path": "/metrics", "interval": "10s"}]
    ports = operator["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert "http" in {port["name"] for port in ports}
