"""The ground that the other tests stand on: what a failed test shows, who is let in, what a killed run leaves."""

import secrets

import httpx
import pytest
from tests.cluster.support import clusters, manifests
from tests.cluster.support.audit import Request
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.explain import explain
from tests.cluster.support.kubectl import CommandError, eventually
from tests.cluster.support.namespace import Namespace, answers


def test_a_failed_test_is_explained(namespace: Namespace) -> None:
    """By its pods, its events, and the logs of containers, of those too that were started again."""
    program = "import sys; print('the last words'); sys.exit(1)"
    broken = manifests.container("broken", namespace.cluster.image, ["-c", program], command=["python3"])
    namespace.kubectl.apply(manifests.deployment("broken", manifests.pod_spec(broken)))

    def whole() -> str:
        told = "\n".join(f"{title}\n{text}" for title, text in explain(namespace.kubectl))
        assert "BackOff" in told
        assert "before its restart" in told
        assert told.count("the last words") >= 2
        return told

    assert "deployment.apps/broken" in eventually(whole, "it fails, and again")


def test_a_look_sees_what_kubectl_sees(namespace: Namespace) -> None:
    """By every name of a kind; what is not there is none, a kind that nobody serves is an error."""
    kubectl = namespace.kubectl
    labelled = manifests.config_map("labelled", {"one": "1"}) | {"metadata": {"name": "labelled", "labels": {"a": "b"}}}
    kubectl.apply(labelled, manifests.config_map("other", {}))
    kinds = "configmaps,serviceaccounts"
    assert kubectl.all(kinds) == kubectl("get", kinds, "-o", "json").json()["items"]
    assert kubectl.names("cm", "a=b") == {"labelled"}
    for name in ("cm", "configmap", "configmaps", "ConfigMap"):
        found = kubectl.must_get(name, "labelled")
        assert found == kubectl("get", name, "labelled", "-o", "json").json()
    assert kubectl.within("kube-system").get("deployments.apps", "coredns") is not None
    assert kubectl.get("secret", "labelled") is None
    assert kubectl.get("namespace", "nobody") is None
    with pytest.raises(AssertionError, match="no such kind"):
        kubectl.get("unicorn", "labelled")
    with pytest.raises(AssertionError, match="found '='"):
        kubectl.all("pods", "a=b=c")


def test_pods_are_restricted(namespace: Namespace) -> None:
    """A pod that may be root is refused where tests put theirs."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}}
    spec = {"containers": [{"name": "root", "image": namespace.cluster.image}]}
    with pytest.raises(CommandError, match='violates PodSecurity "restricted:latest"'):
        namespace.kubectl.apply({**pod, "spec": spec})


def test_the_audit_log_tells_who_did_what(namespace: Namespace) -> None:
    """A write with its answer, also one that was refused."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "somebody"}}
    namespace.kubectl.apply(account)
    log = namespace.cluster.audit()
    who = f"system:serviceaccount:{namespace.name}:somebody"
    with pytest.raises(CommandError, match="is forbidden"):
        namespace.kubectl("create", "configmap", "mine", "--as", who)
    namespace.kubectl.apply(manifests.config_map("ours", {}))

    def both() -> tuple[Request, Request]:
        writes = [found for found in log.requests() if found.is_write and found.namespace == namespace.name]
        assert len(writes) == 2, writes
        return writes[0], writes[1]

    refused, made = eventually(both, "two writes in the log")
    assert (refused.verb, refused.resource, refused.code) == ("create", "configmaps", 403)
    assert (made.verb, made.resource, made.name, made.code) == ("create", "configmaps", "ours", 201)
    assert made.account == ""


def test_claims_get_volumes(namespace: Namespace) -> None:
    """Written by a user who is not root."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    writer = manifests.container(
        "writer",
        namespace.cluster.image,
        ["-c", "echo kept >/data/file && cat /data/file"],
        command=["sh"],
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
    )
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    namespace.kubectl.apply(claim, manifests.job("writer", manifests.pod_spec(writer, volumes=[volume])))
    assert namespace.kubectl.succeeded("writer") == "kept\n"


def test_services_are_reached(namespace: Namespace) -> None:
    """By a forwarded port, and by a node's port, which leads to whichever pods are Ready."""
    recorder = namespace.recorder()
    with namespace.kubectl.port_forward(f"service/{recorder.name}", 80) as url:
        assert httpx.post(f"{url}/forwarded", trust_env=False).text == "ok"
    url = namespace.expose({"app": recorder.name}, 8080)
    recorder.answer(503, "not now", headers={"Retry-After": "1"})
    answer = httpx.post(f"{url}/exposed", trust_env=False)
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "not now", "1")
    assert [received.target for received in recorder.received()] == ["/forwarded", "/exposed"]


def test_a_pod_is_stopped_continued_and_killed(namespace: Namespace) -> None:
    """By signals, as a machine in trouble does it."""
    recorder, cluster = namespace.recorder(), namespace.cluster
    (pod,) = namespace.kubectl.names("pods")
    url = namespace.expose({"app": recorder.name}, 8080)
    cluster.signal(namespace.name, pod, "STOP")
    with pytest.raises(httpx.TransportError):
        httpx.get(url, timeout=1, trust_env=False)
    cluster.signal(namespace.name, pod, "CONT")
    eventually(lambda: answers(url), "it answers again")
    cluster.signal(namespace.name, pod, "KILL")

    def restarts() -> int:
        status = namespace.kubectl.must_get("pod", pod)["status"]["containerStatuses"][0]
        count: int = status["restartCount"]
        return count

    eventually(lambda: restarts() == 1, "the kubelet starts it again")


def test_what_a_killed_run_left_is_swept_up(cluster: Cluster) -> None:
    """And no other: not what a living run holds, not what is kept."""
    left, held, kept = (f"sweep-{what}-{secrets.token_hex(3)}" for what in ("left", "held", "kept"))
    for name in (left, held, kept):
        (clusters.state_folder() / name).mkdir(parents=True)
    clusters.keep(kept)
    try:
        with clusters.held(held):
            swept = clusters.sweep(cluster.tools)
        assert left in swept
        assert not {held, kept, cluster.name} & set(swept)
    finally:
        for name in (held, kept):
            clusters.delete(name, cluster.tools)
