"""An image registry that wants a password: this machine's engine pushes to it, the cluster pulls from it.

As https://kind.sigs.k8s.io/docs/user/local-registry has it: a container beside the node's. What the node pulls from
`localhost:port/...` comes from that container.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import eventually, run

USER: Final = "puller"
PASSWORD: Final = "a-password-of-the-tests"
_BCRYPT: Final = "$2b$05$VZANr3d6Q4FP600sg2oCtO//YKF5XYV37E006k2lN6UJnvdlisHWi"
"""Of the password."""
_PORT: Final = 5000
_CONFIG: Final = {
    "version": 0.1,
    "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}},
    "http": {"addr": f":{_PORT}"},
    "auth": {"htpasswd": {"realm": "tests", "path": "/etc/docker/registry/htpasswd"}},
}


@dataclass(frozen=True, slots=True)
class Registry:
    """One that runs."""

    host: str
    """With its port, as this machine and the node name it."""
    docker_config: Path
    """The folder (DOCKER_CONFIG) of whoever is logged in."""

    def secret(self, name: str) -> dict[str, Any]:
        """What opens it, for pods."""
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": json.dumps({"auths": {self.host: {"auth": token}}})},
        }


@contextmanager
def registry(cluster: Cluster, folder: Path) -> Iterator[Registry]:
    """`folder` is for its settings, and for the login."""
    environment = {**cluster.environment(), "DOCKER_CONFIG": str(folder)}
    (folder / "config.yml").write_text(yaml.safe_dump(_CONFIG), encoding="utf-8")
    (folder / "htpasswd").write_text(f"{USER}:{_BCRYPT}\n", encoding="utf-8")
    mounts = [f"--volume={folder / name}:/etc/docker/registry/{name}:ro" for name in ("config.yml", "htpasswd")]
    run(
        *("docker", "run", "--detach", "--rm", "--name", cluster.registry, "--network", "kind"),
        *(f"--publish=127.0.0.1::{_PORT}", *mounts, cluster.tools.registry_image),
        environment=environment,
    )
    try:
        said = run("docker", "port", cluster.registry, f"{_PORT}/tcp", environment=environment).out
        host = f"localhost:{said.strip().rpartition(':')[2]}"
        eventually(lambda: _answers(host), "the registry answers")
        certificates = f"/etc/containerd/certs.d/{host}"
        cluster.on_node("mkdir", "-p", certificates)
        there = f'[host."http://{cluster.registry}:{_PORT}"]'
        cluster.on_node("sh", "-c", f"echo '{there}' > {certificates}/hosts.toml")
        login = ("docker", "login", "--username", USER, "--password-stdin", host)
        run(*login, environment=environment, stdin=PASSWORD)
        yield Registry(host, folder)
    finally:
        run("docker", "rm", "--force", cluster.registry, environment=environment)


def _answers(host: str) -> bool:
    """And wants to know who asks."""
    try:
        return httpx.get(f"http://{host}/v2/").status_code == httpx.codes.UNAUTHORIZED
    except httpx.TransportError:
        return False
