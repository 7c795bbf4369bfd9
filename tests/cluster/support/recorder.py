"""A service in the cluster that records what it gets and answers as a test says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.cluster.support import manifests
from tests.cluster.support.kubectl import PATIENCE, Kubectl, eventually

PORT: Final = 8080
_PROGRAM: Final = Path(__file__).with_name("recorder_server.py")


@dataclass(frozen=True, slots=True)
class Received:
    """One request; header names in lower case, `at` in seconds since 1970 by the pod's clock."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str
    at: float

    def json(self) -> Any:
        return json.loads(self.body)

    def text(self) -> str:
        """The body of a text message."""
        text: str = self.json()["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"]
        return text


@dataclass(frozen=True)
class Recorder:
    """Behind a Service of its name, on port 80. Tests talk to it by way of the API server, needing no port."""

    kubectl: Kubectl
    name: str

    def url(self, path: str = "/webhook") -> str:
        """For pods of any namespace."""
        return f"http://{self.name}.{self.kubectl.namespace}.svc{path}"

    def start(self, image: str) -> None:
        """Returns once it answers."""
        program = f"{self.name}-program"
        server = manifests.container(
            "recorder",
            image,
            ["/program/server.py", str(PORT)],
            command=["python3"],
            volumeMounts=[{"name": "program", "mountPath": "/program"}],
            readinessProbe={"httpGet": {"path": "/", "port": PORT}, **manifests.PATIENT},
        )
        spec = manifests.pod_spec(server, volumes=[{"name": "program", "configMap": {"name": program}}])
        self.kubectl.apply(
            manifests.config_map(program, {"server.py": _PROGRAM.read_text(encoding="utf-8")}),
            manifests.deployment(self.name, spec),
            manifests.service(self.name, 80, PORT),
        )
        self.kubectl.rolled_out(f"deployment/{self.name}")

    def received(self) -> list[Received]:
        """All that came so far."""
        return [Received(**one) for one in json.loads(self.kubectl.get_raw(f"{self._proxy}/_/received"))]

    def wait_for(self, count: int = 1, *, seconds: float = PATIENCE) -> list[Received]:
        """At least so many requests."""

        def enough() -> list[Received]:
            got = self.received()
            assert len(got) >= count, f"{len(got)} so far"
            return got

        return eventually(enough, f"{self.name} receives {count}", seconds=seconds)

    def answer(
        self, status: int = 200, body: str = "ok", *, headers: Mapping[str, str] | None = None, delay: float = 0
    ) -> None:
        """What it says from now on; `delay` in seconds."""
        self.kubectl.put_raw(
            f"{self._proxy}/_/answer",
            {"status": status, "body": body, "headers": dict(headers or {}), "delay": delay},
        )

    def stop(self) -> None:
        """Nobody answers at its Service any more."""
        self.kubectl("scale", f"deployment/{self.name}", "--replicas=0")
        self.kubectl("wait", "pods", "-l", f"app={self.name}", "--for=delete", "--timeout=60s")

    def resume(self) -> None:
        """With nothing received yet."""
        self.kubectl("scale", f"deployment/{self.name}", "--replicas=1")
        self.kubectl.rolled_out(f"deployment/{self.name}")

    @property
    def _proxy(self) -> str:
        return f"/api/v1/namespaces/{self.kubectl.namespace}/services/{self.name}:80/proxy"
