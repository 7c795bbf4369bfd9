"""The project's image for a cluster: built from this checkout, named by its content."""

import subprocess
from pathlib import Path
from typing import Final

from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import run
from tests.cluster.support.tools import ROOT, Tools

REPOSITORY: Final = "webhook-core"
_SCRIPT: Final = ROOT / "scripts" / "image.sh"


def build(tools: Tools) -> str:
    """Builds it, which takes seconds where little changed; `webhook-core:test-<its id>`."""
    latest = f"{REPOSITORY}:test"
    environment = {**tools.environment(), "IMAGE": latest, "BASE_IMAGE": tools.base_image}
    subprocess.run([_SCRIPT], env=environment, check=True)
    return _named_by_content(latest, tools)


def variant(cluster: Cluster, folder: Path, dockerfile: str) -> str:
    """Another image, on the cluster already: the project's with these lines of a Dockerfile after it.

    `folder` is what they may COPY from. An upgrade's new image is `variant(cluster, tmp_path, "LABEL release=next")`.
    """
    (folder / "Dockerfile").write_text(f"FROM {cluster.image}\n{dockerfile}\n", encoding="utf-8")
    environment = {**cluster.environment(), "DOCKER_BUILDKIT": "0"}
    identity = run("docker", "build", "--quiet", str(folder), environment=environment).out.strip()
    image = _named_by_content(identity, cluster.tools)
    cluster.load(image)
    return image


def _named_by_content(image: str, tools: Tools) -> str:
    """A tag that never changes its meaning, as a release's: pods pull it only where it is not there."""
    environment = tools.environment()
    identity = run("docker", "image", "inspect", "--format", "{{.Id}}", image, environment=environment).out.strip()
    named = f"{REPOSITORY}:test-{identity.removeprefix('sha256:')[:12]}"
    run("docker", "tag", image, named, environment=environment)
    return named
