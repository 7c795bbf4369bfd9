"""Clusters: made fresh for a run, deleted at its end or kept on demand, and swept up where a run was killed.

Each has a folder with its kubeconfig beside a lock that its maker holds. A killed maker's lock is free: whoever makes
the next cluster deletes that one first.
"""

import fcntl
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import yaml
from tests.cluster.support.audit import LOG, AuditLog
from tests.cluster.support.kubectl import Kubectl, Said, run
from tests.cluster.support.tools import SCRIPTS, Tools

KEPT: Final = "kept"
READY_SECONDS: Final = 180
NODE_PORTS: Final = range(30080, 30090)
"""Reached through loopback ports of this machine."""


def state_folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "webhookcore-cluster" / "clusters"


@dataclass
class Cluster:
    """A kind cluster of one node. Its API server and its node ports are reached through loopback alone."""

    name: str
    tools: Tools
    image: str = ""
    """The project's, as the cluster has it."""
    node_ports: dict[int, int] = field(default_factory=dict)
    """The port of this machine for each node port."""

    @property
    def folder(self) -> Path:
        return state_folder() / self.name

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def node(self) -> str:
        """The node's container, and its name in the cluster."""
        return f"{self.name}-control-plane"

    @property
    def registry(self) -> str:
        """The container of its image registry, where a test has made one (registry.py)."""
        return f"{self.name}-registry"

    def environment(self) -> dict[str, str]:
        """Of kubectl, helm and kind."""
        return {**self.tools.environment(), "KUBECONFIG": str(self.kubeconfig)}

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.environment())

    def helm(self, *arguments: str, namespace: str = "", check: bool = True, program: str = "helm") -> Said:
        where = ("--namespace", namespace) if namespace else ()
        return run(program, *arguments, *where, environment=self.environment(), check=check)

    def on_node(self, *command: str, check: bool = True) -> Said:
        """A command on the node itself: `kill`, `crictl`, `mv` of a static pod's manifest, ..."""
        return run("docker", "exec", self.node, *command, environment=self.environment(), check=check)

    def signal(self, namespace: str, pod: str, name: str) -> None:
        """A signal (`KILL`, `STOP`, `CONT`, ...) to the first process of a pod's first container."""
        self.on_node("kill", f"-{name}", self.process(namespace, pod))

    def process(self, namespace: str, pod: str) -> str:
        """The id, on the node, of the first process of a pod's first container."""
        status = self.kubectl.within(namespace).must_get("pod", pod)["status"]
        container = status["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        tasks = [line.split() for line in self.on_node("ctr", "--namespace=k8s.io", "tasks", "ls").out.splitlines()]
        (process,) = [task[1] for task in tasks if task[0] == container]
        return process

    def load(self, *images: str) -> None:
        """Images of this machine's engine, for pods. By tags that never change their meaning."""
        there = self.on_node("ctr", "--namespace=k8s.io", "images", "ls", "--quiet").out.split()
        if missing := [image for image in images if f"docker.io/library/{image}" not in there]:
            run("kind", "load", "docker-image", *missing, "--name", self.name, environment=self.environment())

    def audit(self, *, from_start: bool = False) -> AuditLog:
        """What is asked of the API server from now on, or ever."""

        def read(start: int) -> bytes:
            return subprocess.run(
                ["docker", "exec", self.node, "tail", "-c", f"+{start + 1}", LOG], capture_output=True, check=True
            ).stdout

        return AuditLog(read, lambda: int(self.on_node("stat", "-c", "%s", LOG).out), from_start=from_start)

    def find_node_ports(self) -> None:
        """Which ports of this machine lead to the node's: kind takes free ones."""
        said = run("docker", "port", self.node, environment=self.environment()).out
        found = re.findall(r"^(\d+)/tcp -> 127\.0\.0\.1:(\d+)$", said, re.MULTILINE)
        self.node_ports = {int(port): int(here) for port, here in found if int(port) in NODE_PORTS}


def config(*, has_own_network: bool) -> dict[str, Any]:
    """kind's, for kind run in scripts/cluster."""
    found: dict[str, Any] = yaml.safe_load((SCRIPTS / "kind.yaml").read_text(encoding="utf-8"))
    found["networking"] = {**found.get("networking", {}), "disableDefaultCNI": has_own_network}
    node = found["nodes"][0]
    node["extraPortMappings"] = [
        {"containerPort": port, "hostPort": 0, "listenAddress": "127.0.0.1"} for port in NODE_PORTS
    ]
    return found


@contextmanager
def held(name: str) -> Iterator[None]:
    """Says, as long as this process lives, that the cluster is in use."""
    with _lock(name) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def create(name: str, tools: Tools) -> Cluster:
    """A new cluster, Ready."""
    cluster = Cluster(name, tools)
    cluster.folder.mkdir(parents=True, exist_ok=True)
    run(
        *("kind", "create", "cluster", "--name", name, "--config", "-", "--image", tools.node_image),
        *("--wait", f"{READY_SECONDS}s"),
        environment=cluster.environment(),
        stdin=yaml.safe_dump(config(has_own_network=tools.has_own_network)),
        seconds=2 * READY_SECONDS,
        folder=SCRIPTS,
    )
    cluster.find_node_ports()
    return cluster


def fresh_name() -> str:
    return f"webhookcore-{secrets.token_hex(3)}"


def existing(name: str, tools: Tools) -> Cluster | None:
    """One that was kept."""
    cluster = Cluster(name, tools)
    if not cluster.kubeconfig.exists() or name not in _running(tools):
        return None
    cluster.find_node_ports()
    return cluster


def keep(name: str) -> None:
    """No sweep and no end of a run deletes it."""
    (state_folder() / name).mkdir(parents=True, exist_ok=True)
    (state_folder() / name / KEPT).touch()


def how_to_use(cluster: Cluster) -> str:
    """What to type, for somebody who works with a kept cluster."""
    lines = [
        "To use it:",
        *([f"  export PATH={cluster.tools.programs}:$PATH"] if cluster.tools.programs else []),
        f"  export KUBECONFIG={cluster.kubeconfig}",
        "To run tests on it:",
        f"  WEBHOOKCORE_CLUSTER={cluster.name} make test-cluster",
        "To delete it:",
        f"  .venv/bin/python -m tests.cluster down --name {cluster.name}",
    ]
    return "\n".join(lines)


def delete(name: str, tools: Tools) -> None:
    """With the registry that a killed test left beside it."""
    run("docker", "rm", "--force", Cluster(name, tools).registry, environment=tools.environment(), check=False)
    run("kind", "delete", "cluster", "--name", name, environment=tools.environment())
    shutil.rmtree(state_folder() / name, ignore_errors=True)
    _lock_file(name).unlink(missing_ok=True)


def sweep(tools: Tools) -> list[str]:
    """Deletes what killed runs left behind, nobody else's and none that is kept; their names."""
    left = []
    for folder in sorted(state_folder().glob("*/")):
        if (folder / KEPT).exists():
            continue
        with _lock(folder.name) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            delete(folder.name, tools)
            left.append(folder.name)
    return left


def _running(tools: Tools) -> list[str]:
    return run("kind", "get", "clusters", "--quiet", environment=tools.environment()).out.split()


def _lock_file(name: str) -> Path:
    return state_folder() / f"{name}.lock"


def _lock(name: str) -> IO[str]:
    state_folder().mkdir(parents=True, exist_ok=True)
    return _lock_file(name).open("w")
