"""A Postgres in the cluster: the image's own embedded one, gone with its namespace."""

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.cluster.support import manifests
from tests.cluster.support.kubectl import Kubectl

PASSWORD: Final = "a-password-of-tests"
PORT: Final = 5432

# Runs in the Postgres' own pod, which is the project's image: Python and psycopg are there.
_QUERY: Final = """
import json, os, sys
import psycopg
from psycopg.rows import dict_row
url = f"postgresql://webhookcore:{os.environ['POSTGRES_PASSWORD']}@127.0.0.1/webhookcore"
with psycopg.connect(url, row_factory=dict_row, autocommit=True) as conn:
    done = conn.execute(sys.stdin.read())
    print(json.dumps(done.fetchall() if done.description else [], default=str))
"""


@dataclass(frozen=True)
class Postgres:
    """One server, with a database `webhookcore`. Its data lives as long as its pod, unless it `keeps` them."""

    kubectl: Kubectl
    name: str

    @property
    def url(self) -> str:
        """For pods of any namespace."""
        return f"postgresql://webhookcore:{PASSWORD}@{self.name}.{self.kubectl.namespace}:{PORT}/webhookcore"

    def start(self, image: str) -> None:
        """Returns once it takes connections."""
        server = manifests.container(
            "postgres",
            image,
            ["postgres", "--data-dir", "/data", "--port", str(PORT)],
            env=[{"name": "POSTGRES_PASSWORD", "value": PASSWORD}],
            volumeMounts=[{"name": "data", "mountPath": "/data"}],
            readinessProbe={"tcpSocket": {"port": PORT}, **manifests.PATIENT},
        )
        spec = manifests.pod_spec(server, volumes=[{"name": "data", "emptyDir": {}}])
        self.kubectl.apply(manifests.deployment(self.name, spec), manifests.service(self.name, PORT, PORT))
        self.kubectl.rolled_out(f"deployment/{self.name}")

    def stop(self) -> None:
        """Away until `start`, and its data with it."""
        self.kubectl.delete("deployment", self.name)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Runs a statement; its rows as JSON has them."""
        said = self.kubectl.exec(f"deployment/{self.name}", "python3", "-c", _QUERY, stdin=statement)
        found: list[dict[str, Any]] = json.loads(said)
        return found

    def value(self, statement: str) -> Any:
        """The one value of a query."""
        (row,) = self.rows(statement)
        (value,) = row.values()
        return value
