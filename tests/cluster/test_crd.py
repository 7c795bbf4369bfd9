"""The CustomResourceDefinition at a real API server: what it accepts, refuses, fills in and shows."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import pytest
from tests.cluster.crd_bounds import LARGEST, SMALLEST
from tests.cluster.crd_cases import CASES, GOOD, Case
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.golden import is_golden
from tests.cluster.support.kubectl import Kubectl, eventually
from tests.cluster.support.namespace import fresh_namespace
from tests.unit.settings import test_rules
from tests.unit.settings.configs import changed

from webhookcore.settings import WebhookCoreSpec
from webhookcore.settings.check import check
from webhookcore_operator.crd.rules import VALIDATIONS
from webhookcore_operator.crd.validation import Validation

ROOT: Final = Path(__file__).parents[2]
CRD: Final = "webhookcoreconfigs.webhookcore.io"


# An operator would write the status itself.
pytestmark = pytest.mark.usefixtures("own_operator")


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster) -> Iterator[Kubectl]:
    """In a namespace of these tests', in a cluster that knows the kind; one that another test installed is used."""
    installed = cluster.kubectl.get("crd", CRD) is not None
    if not installed:
        cluster.kubectl.apply(ROOT / "crds/webhookcoreconfigs.yaml", server_side=True)
    cluster.kubectl.wait(f"crd/{CRD}", "condition=Established")
    eventually(lambda: cluster.kubectl("get", "wcc").code == 0, "the kind is served")
    with fresh_namespace(cluster, "crd") as namespace:
        yield namespace.kubectl
    if not installed:
        cluster.kubectl.delete("crd", CRD)


@pytest.fixture(scope="module")
def said(kubectl: Kubectl) -> Mapping[str, str]:
    """What the server says to each case; nothing where it accepts it."""
    answers = {}
    for case in CASES:
        answer = kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(case.resource), check=False)
        assert bool(answer.err) == (answer.code != 0)
        answers[case.name] = answer.err
    return answers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_server_judges_as_the_table_says(said: Mapping[str, str], case: Case) -> None:
    """What it refuses, it refuses at the field and with the remedy."""
    assert bool(said[case.name]) == case.by_server
    assert case.says in said[case.name]


@pytest.mark.parametrize("rule", VALIDATIONS, ids=lambda rule: f"{'.'.join(rule.at)}{rule.field}: {rule.message[:40]}")
def test_each_rule_speaks(said: Mapping[str, str], rule: Validation) -> None:
    """For each rule there is a case that it refuses, with its field and its message."""
    path = re.escape(f"{'.'.join(rule.at)}{rule.field}".lstrip(".")).replace(r"\.\[\]", r"\[\d+\]")
    # With and without what was found, a message begins alike.
    letters = zip(rule.message, rule.expression.lstrip("'") or rule.message, strict=False)
    message = "".join(letter for letter, _ in takewhile(lambda pair: pair[0] == pair[1], letters))
    assert len(message) > len("must be ")
    assert any(re.search(f"{path}: .*{re.escape(message)}", text) for text in said.values())


URL_FIELDS: Final = ("spec.routes.0.url", "spec.whatsapp.graphApiUrl")
SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        URL_FIELDS, (*test_rules.URLS, *test_rules.WRONG_URLS, "http://@x/", "http://:@x/", r"http://a\@b/")
    ),
    "spec.router.path": ("/x", "/healthy", "/metrics-of", "/x/health", *test_rules.WRONG_PATHS),
    "spec.dlq.schedule": ("0 2 * * *", "0\t2\t*\t*\t*", " 0  2 * * * ", "7 7 7 7 */7", *test_rules.WRONG_SCHEDULES),
    "spec.cleanup.timeZone": ("UTC", *test_rules.WRONG_ZONES),
    "spec.whatsapp.appSecretRef.key": (".dockerconfigjson", "A_b-c", "", ".", "..", "..a", "a/b", "a\n"),
    "spec.routes.0.keywords.0": ("?", "🚗", " a", "\u00a0", "", "\t", "é" * 32, "é" * 33),
}


def test_the_server_is_never_stricter_than_core(kubectl: Kubectl) -> None:
    """Of many spellings the server refuses none that core accepts: what works outside a cluster works in one."""
    spelled = [changed({field: text}, GOOD) for field, texts in SPELLINGS.items() for text in texts]
    good = [resource for resource in spelled if not check(resource).findings]
    named = [{**resource, "metadata": {"name": f"n{number}"}} for number, resource in enumerate(good)]
    every = {"apiVersion": "v1", "kind": "List", "items": named}
    kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(every))
    assert 20 < len(named) < len(spelled) - 80


def _created(kubectl: Kubectl, resource: dict[str, Any]) -> dict[str, Any]:
    """What the server keeps. It is suspended: an operator that should be there leaves it alone."""
    suspended = changed({"spec.suspend": True}, resource)
    kubectl("create", "-f", "-", stdin=json.dumps(suspended))
    stored = kubectl.must_get("wcc", resource["metadata"]["name"])
    kubectl.delete("wcc", resource["metadata"]["name"])
    spec: dict[str, Any] = stored["spec"]
    assert spec.pop("suspend")
    return spec


def _by_core(resource: dict[str, Any]) -> dict[str, Any]:
    spec = WebhookCoreSpec.model_validate(resource["spec"]).model_dump(mode="json", by_alias=True, exclude_none=True)
    del spec["suspend"]
    return spec


@pytest.mark.parametrize("resource", [LARGEST, SMALLEST], ids=["largest", "smallest"])
def test_the_bounds_are_accepted_and_stored(kubectl: Kubectl, resource: dict[str, Any]) -> None:
    """A resource at every bound is kept whole: no rule costs too much, and it is not too large to be stored."""
    assert _created(kubectl, resource) == _by_core(resource)


def test_defaults_are_cores(kubectl: Kubectl) -> None:
    """What the server fills in is what core fills in, everywhere, in routes too."""
    assert _created(kubectl, GOOD) == _by_core(GOOD)


def test_what_the_server_filled_in_does_not_stick(kubectl: Kubectl) -> None:
    """Lists that had a default are replaced by those that are applied later, not added to."""
    kubectl.apply(changed({"spec.suspend": True}, GOOD), server_side=True)
    changes = {"spec.suspend": True, "spec.home.keywords": ["start"], "spec.routes.0.retry": {"never": [404]}}
    kubectl.apply(changed(changes, GOOD), server_side=True)
    spec = kubectl.must_get("wcc", "core")["spec"]
    assert spec["home"]["keywords"] == ["start"]
    assert spec["routes"][0]["retry"]["never"] == [404]
    kubectl.delete("wcc", "core")


EXAMPLES: Final = ("examples/webhookcoreconfig.yaml", "examples/kubernetes/webhookcoreconfig.yaml")


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_accepted(kubectl: Kubectl, example: str) -> None:
    """What the repository shows can be applied."""
    kubectl("apply", "--dry-run=server", "-f", str(ROOT / example))


STATUS: Final = {
    "observedGeneration": 1,
    "conditions": [
        {
            "type": kind,
            "status": "True",
            "observedGeneration": 1,
            "lastTransitionTime": "2025-11-24T12:00:00Z",
            "reason": reason,
            "message": message,
        }
        for kind, reason, message in (
            ("Ready", "Ready", "All of it works."),
            ("DatabaseMigrated", "Migrated", "The database has the image's schema."),
        )
    ],
    "replicas": 2,
    "readyReplicas": 2,
    "selector": "app.kubernetes.io/instance=core",
    "endpoint": "http://core-router.crd.svc/wa-webhook-core",
    "image": "ghcr.io/example/webhookcore:1.0.0",
    "scheduledTasks": [
        {
            "name": "dlq-processor",
            "lastScheduleTime": "2025-11-24T12:00:00Z",
            "lastSuccessfulTime": (datetime.now(UTC) - timedelta(hours=30)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "consecutiveFailures": 0,
        }
    ],
    "migration": {"hash": "0123456789", "failedHash": "", "failures": 0, "lastFailureTime": "2025-11-24T12:00:00Z"},
}


@pytest.fixture
def resource(kubectl: Kubectl) -> Iterator[str]:
    """The name of a suspended resource with a status."""
    kubectl.apply(changed({"spec.suspend": True}, GOOD))
    kubectl.patch("wcc", "core", {"status": STATUS}, subresource="status")
    yield "core"
    kubectl.delete("wcc", "core")


def test_status_is_the_operators(kubectl: Kubectl, resource: str) -> None:
    """A status is kept as it is written, by its own subresource alone, and what is no status is refused."""
    kubectl.patch("wcc", resource, {"status": {"replicas": 7}})
    assert kubectl.must_get("wcc", resource)["status"] == STATUS
    for wrong in ({"replicas": -1}, {"conditions": [{"type": "Ready", "status": "Yes"}]}, {"image": "x" * 1025}):
        answer = kubectl(
            "patch", "wcc", resource, "--subresource=status", "--type=merge", "-p", json.dumps({"status": wrong}),
            check=False,
        )  # fmt: skip
        assert "is invalid" in answer.err


def test_scale(kubectl: Kubectl, resource: str) -> None:
    """`kubectl scale` sets the routers that are wanted, within the bounds; the scale tells those that there are."""
    kubectl("scale", "wcc", resource, "--replicas=3")
    path = f"/apis/webhookcore.io/v1alpha1/namespaces/{kubectl.namespace}/webhookcoreconfigs/{resource}/scale"
    scale = json.loads(kubectl.get_raw(path))
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 2, "selector": "app.kubernetes.io/instance=core"}
    assert "less than or equal to 64" in kubectl("scale", "wcc", resource, "--replicas=65", check=False).err


def _aged(text: str) -> str:
    """With an age that is the same in every run."""
    return re.sub(r"(?<= )\ds(?= |$)", "AGE", text, flags=re.MULTILINE)


def test_columns(kubectl: Kubectl, resource: str) -> None:
    """A line says how it stands, by short name, by category, and with more of it on demand."""
    is_golden("get.txt", _aged(kubectl("get", "wcc").out))
    is_golden("get-wide.txt", _aged(kubectl("get", "wcc", resource, "-o", "wide").out))
    assert resource in kubectl("get", "webhookcore").out


EXPLAINED: Final = ("wcc", "wcc.spec", "wcc.spec.router", "wcc.spec.routes", "wcc.status")


@pytest.mark.parametrize("field", EXPLAINED)
def test_explain(kubectl: Kubectl, field: str) -> None:
    """`kubectl explain` says what a field is for, in sentences."""
    is_golden(f"explain-{field}.txt", kubectl("explain", field).out)
