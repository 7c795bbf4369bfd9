"""An install by kubectl alone."""

import subprocess

from tests.cluster.support.clusters import Cluster
from tests.cluster.support.example import example
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.tools import ROOT


def test_by_kubectl_apply(cluster: Cluster, own_operator: None, namespace: Namespace) -> None:
    """`make manifests` makes one file; that and the example applied do what Helm does."""
    del own_operator
    repository, _, tag = cluster.image.rpartition(":")
    values = f"--set image.repository={repository},image.tag={tag},embeddedPostgres.enabled=true"
    subprocess.run(
        ["make", "manifests", f"ARGS={values}"],
        cwd=ROOT,
        env={**cluster.environment(), "NAMESPACE": namespace.name},
        check=True,
        capture_output=True,
    )
    made = str(ROOT / "build" / "manifests.yaml")
    try:
        # As its author is asked to; others' releases may have had the CRD before.
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename", made)
        namespace.kubectl.rolled_out("deployment/webhook-core-operator", seconds=120)
        example(namespace).serves()
    finally:
        kinds = "clusterroles,clusterrolebindings"
        cluster.kubectl("delete", kinds, "-l", "app.kubernetes.io/instance=webhook-core")
