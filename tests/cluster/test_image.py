"""The image by itself: what a pod under restricted Pod Security can count on."""

import json
from pathlib import Path

import pytest
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.image import variant
from tests.cluster.support.kubectl import Said, run

import webhookcore

LOCKED = (
    *("--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"),  # noqa: S108 - the container's
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)


def in_image(cluster: Cluster, *arguments: str, entrypoint: str = "webhookcore", check: bool = True) -> Said:
    """A command in a container without network, rights or a file system that can be written."""
    command = ("docker", "run", *LOCKED, "--entrypoint", entrypoint, cluster.image, *arguments)
    return run(*command, environment=cluster.environment(), check=check)


def test_the_command_is_the_entrypoint(cluster: Cluster) -> None:
    """`args` alone name the part."""
    said = run("docker", "run", *LOCKED, cluster.image, "--version", environment=cluster.environment())
    assert said.out == f"webhookcore {webhookcore.__version__}\n"


@pytest.mark.parametrize("part", ["router", "dlq-processor", "session-cleanup", "migrate", "postgres"])
def test_every_part_is_in_it(cluster: Cluster, part: str) -> None:
    """With all that it imports to show its options."""
    assert f"webhookcore {part}" in in_image(cluster, part, "--help").out


def test_nobody_is_root(cluster: Cluster) -> None:
    """The user has a name, which initdb asks for, and a number, which Pod Security asks for."""
    assert in_image(cluster, "-c", "id -u; id -g; id -un", entrypoint="sh").out == "10001\n10001\nwebhookcore\n"
    told = run("docker", "image", "inspect", cluster.image, environment=cluster.environment()).json()[0]["Config"]
    assert told["User"] == "10001:10001"


def test_what_it_says_of_itself(cluster: Cluster) -> None:
    """The standard labels."""
    told = run("docker", "image", "inspect", cluster.image, environment=cluster.environment()).json()[0]["Config"]
    assert told["Labels"]["org.opencontainers.image.version"] == webhookcore.__version__
    assert told["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert told["Labels"]["org.opencontainers.image.revision"]


def test_it_starts_from_bytecode(cluster: Cluster) -> None:
    """Nothing is compiled at a pod's start: every module has its bytecode, and it is not even compared."""
    program = """
import importlib.util, json, pathlib, sys
import webhookcore, webhookcore_cli, webhookcore_operator, webhookcore_router, webhookcore_workers, kopf, sanic
flags, missing = set(), []
for package in list(sys.modules.values()):
    source = getattr(package, "__file__", None) or ""
    if source.startswith("/opt/webhookcore/") and source.endswith(".py"):
        cached = pathlib.Path(importlib.util.cache_from_source(source))
        if cached.exists():
            flags.add(int.from_bytes(cached.read_bytes()[4:8], "little"))
        else:
            missing.append(source)
print(json.dumps({"flags": sorted(flags), "missing": missing}))
"""
    assert json.loads(in_image(cluster, "-c", program, entrypoint="python3").out) == {"flags": [1], "missing": []}


def test_another_image_for_upgrades(cluster: Cluster, tmp_path: Path) -> None:
    """The same with something added: another image by another name, on the cluster already."""
    (tmp_path / "note").write_text("next\n")
    made = variant(cluster, tmp_path, "COPY note /note")
    assert made != cluster.image
    assert run(
        "docker", "run", *LOCKED, "--entrypoint", "cat", made, "/note", environment=cluster.environment()
    ).out == ("next\n")
    assert made in cluster.on_node("ctr", "--namespace=k8s.io", "images", "ls", "--quiet").out


def test_it_is_small(cluster: Cluster) -> None:
    """What it adds to its base: the parts, the libraries, a whole Postgres. No compiler's files, no installer."""
    told = in_image(cluster, "-c", "du -sm /opt/webhookcore | cut -f1; ls /opt/webhookcore/bin", entrypoint="sh").out
    size, *programs = told.split()
    assert int(size) < 300
    assert "pip" not in programs
