"""The API server's audit log: who asked it for what, and what it answered."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LOG: Final = "/var/log/kubernetes/audit.log"
FOLDER: Final = "WEBHOOKCORE_AUDIT_LOGS"
"""The variable that names the folder in which a run's clusters leave their logs, for who judges all of them."""
WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request, once it was answered (a watch: once it began)."""

    verb: str
    user: str
    group: str
    resource: str
    """With its subresource: `webhookcoreconfigs/status`."""
    namespace: str
    name: str
    code: int
    at: str
    agent: str = field(default="", compare=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES

    @property
    def pod(self) -> str:
        """Whose token it was, where that is a pod's."""
        named: list[str] = self.raw["user"].get("extra", {}).get("authentication.kubernetes.io/pod-name", [""])
        return named[0]

    @property
    def account(self) -> str:
        """`namespace/name` of the service account, "" for another user."""
        return ":".join(self.user.split(":")[2:]).replace(":", "/") if ":serviceaccount:" in self.user else ""


def parse(lines: Iterable[str]) -> list[Request]:
    """Requests for resources, one each: of what has several stages the first that has an answer."""
    seen: set[str] = set()
    found = []
    for line in lines:
        event = json.loads(line)
        target = event.get("objectRef")
        if target is None or event["auditID"] in seen:
            continue
        seen.add(event["auditID"])
        subresource = target.get("subresource")
        found.append(
            Request(
                verb=event["verb"],
                user=event["user"].get("username", ""),  # nobody, where a token is not good any more
                group=target.get("apiGroup", ""),
                resource=target["resource"] + (f"/{subresource}" if subresource else ""),
                namespace=target.get("namespace", ""),
                name=target.get("name", ""),
                code=event.get("responseStatus", {}).get("code", 0),
                at=event["requestReceivedTimestamp"],
                agent=event.get("userAgent", ""),
                raw=event,
            )
        )
    return found


class AuditLog:
    """What is written from here on: `log = cluster.audit(); ...; log.requests(account="system/operator")`."""

    def __init__(self, read: Callable[[int], bytes], size: Callable[[], int], *, from_start: bool = False) -> None:
        """`read(n)`: all bytes from the n-th on."""
        self._read = read
        self._start = 0 if from_start else size()

    def requests(self, *, account: str = "") -> list[Request]:
        """All, or those of the service account `namespace/name`. The server writes within a moment, not at once."""
        return [found for found in parse(self._text().splitlines()) if account in {"", found.account}]

    def leave(self, name: str) -> None:
        """For who judges the whole run, where somebody does."""
        if folder := os.environ.get(FOLDER):
            (Path(folder) / f"{name}.log").write_text(self._text(), encoding="utf-8")

    def _text(self) -> str:
        """Whole lines."""
        text = self._read(self._start)
        return text[: text.rfind(b"\n") + 1].decode()


def left() -> list[list[Request]]:
    """What was asked of each cluster of the run, as it came in."""
    logs = sorted(Path(os.environ[FOLDER]).glob("*.log"))
    return [sorted(parse(log.read_text("utf-8").splitlines()), key=lambda each: each.at) for log in logs]
