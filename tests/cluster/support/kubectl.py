"""kubectl for tests: what it was asked, what it said, and waiting for what does not happen at once."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.cluster.support.api_server import ApiServer, api_server

from webhookcore_cli.local.orphans import ends_with_parent

T = TypeVar("T")
Manifest = Mapping[str, Any]

PATIENCE: Final = 120.0
"""Seconds that a test waits where it says nothing else."""
LOOK: Final = 0.25
DEFAULT: Final = "default"
"""The namespace where none is said."""


class CommandError(AssertionError):
    """A command that failed; the text has what it said."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def run(
    *command: str,
    environment: Mapping[str, str],
    stdin: str | None = None,
    check: bool = True,
    seconds: float = 300,
    folder: Path | None = None,
) -> Said:
    """A program of this machine. CommandError where it fails, unless `check` is False."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, env=environment, timeout=seconds, cwd=folder
    )
    if check and done.returncode != 0:
        raise CommandError(
            f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
    return Said(done.returncode, done.stdout, done.stderr)


def eventually(look: Callable[[], T], what: str, *, seconds: float = PATIENCE, every: float = LOOK) -> T:
    """The first truthy answer of `look`. An assertion that fails in it, kubectl's too, means: not yet."""
    give_up = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            if found := look():
                return found
            last = found
        except AssertionError as not_yet:
            last = not_yet
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; last seen: {last}")
        time.sleep(every)


@dataclass(frozen=True)
class Kubectl:
    """kubectl on one cluster: `kubectl("get", "pods")`, and what tests do often. In `namespace` where there is one.

    What only looks (`get`, `all`, ...) asks the API server without kubectl, which is a process for each.
    """

    environment: Mapping[str, str]
    namespace: str = ""
    context: str = ""
    """Empty: the kubeconfig's current one."""

    def within(self, namespace: str) -> "Kubectl":
        return replace(self, namespace=namespace)

    def __call__(self, *arguments: str, stdin: str | None = None, check: bool = True, seconds: float = 300) -> Said:
        return run(*self._command(*arguments), environment=self.environment, stdin=stdin, check=check, seconds=seconds)

    def apply(self, *documents: Manifest | Path, server_side: bool = False) -> None:
        """Manifests, or files of them."""
        how = ["apply", "--server-side"] if server_side else ["apply"]
        self(*how, "-f", "-", stdin=as_yaml(*documents))

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """The object, None where there is none."""
        return self._server.get(kind, name, self.namespace or DEFAULT)

    def must_get(self, kind: str, name: str) -> dict[str, Any]:
        found = self.get(kind, name)
        assert found is not None, f"no {kind} {name} in {self.namespace or 'the cluster'}"
        return found

    def all(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """All of a kind, or those with these labels."""
        return self._server.list(kind, self.namespace or DEFAULT, selector)

    def staying(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Those of `all` that are not going away."""
        return [found for found in self.all(kind, selector) if "deletionTimestamp" not in found["metadata"]]

    def names(self, kind: str, selector: str = "") -> set[str]:
        return {item["metadata"]["name"] for item in self.all(kind, selector)}

    def delete(self, kind: str, *names: str, wait: bool = True) -> None:
        """Those of these names; none is none."""
        if names:
            self("delete", kind, *names, f"--wait={str(wait).lower()}", "--ignore-not-found")

    def patch(self, kind: str, name: str, patch: Mapping[str, Any] | list[Any], *, subresource: str = "") -> None:
        """A merge patch, or a JSON patch where it is a list."""
        how = "json" if isinstance(patch, list) else "merge"
        where = [f"--subresource={subresource}"] if subresource else []
        self("patch", kind, name, "--type", how, "-p", json.dumps(patch), *where)

    def wait(self, what: str, condition: str, *, seconds: float = PATIENCE) -> None:
        """`wait("deployment/x", "condition=Available")`; also for what is not there yet."""
        kind, _, name = what.partition("/")
        eventually(lambda: self.get(kind, name), f"{what} is there", seconds=seconds)
        self("wait", what, f"--for={condition}", f"--timeout={seconds:.0f}s", seconds=seconds + 30)

    def succeeded(self, job: str, *, seconds: float = PATIENCE) -> str:
        """The log of a Job that ran and succeeded; one that failed is not waited for."""

        def ended() -> str:
            conditions = self.must_get("job", job).get("status", {}).get("conditions", [])
            return next((found["type"] for found in conditions if found["type"] in {"Complete", "Failed"}), "")

        how = eventually(ended, f"the Job {job} ends", seconds=seconds)
        log = self.logs(f"job/{job}")
        assert how == "Complete", f"the Job {job} failed: {log}"
        return log

    def rolled_out(self, what: str, *, seconds: float = PATIENCE) -> None:
        """A Deployment or StatefulSet, there and whole."""
        kind, _, name = what.partition("/")
        eventually(lambda: self.get(kind, name), f"{what} is there", seconds=seconds)
        self("rollout", "status", what, f"--timeout={seconds:.0f}s", seconds=seconds + 30)

    def condition(self, kind: str, name: str, type_: str) -> dict[str, Any]:
        """A condition of status; an assertion fails where it has none yet."""
        for found in self.must_get(kind, name).get("status", {}).get("conditions", []):
            if found["type"] == type_:
                condition: dict[str, Any] = found
                return condition
        raise AssertionError(f"{kind} {name} has no condition {type_}")

    def logs(self, what: str, *arguments: str) -> str:
        """`logs("job/x")`, `logs("deployment/x", "--all-pods")`."""
        return self("logs", what, *arguments).out

    def exec(self, what: str, *command: str, stdin: str | None = None) -> str:
        """What a command in a pod prints."""
        keep_open = ["-i"] if stdin is not None else []
        return self("exec", *keep_open, what, "--", *command, stdin=stdin).out

    def get_raw(self, path: str) -> str:
        """What the API server answers, or by its proxy a pod or a Service."""
        return self._server.raw(path)

    def put_raw(self, path: str, body: Any) -> None:
        self("replace", "--raw", path, "-f", "-", stdin=json.dumps(body))

    @contextmanager
    def port_forward(self, what: str, port: int) -> Iterator[str]:
        """`http://127.0.0.1:PORT` of one pod: of `service/x` one of its pods, and no other when that one goes."""
        with subprocess.Popen(
            self._command("port-forward", "--address", "127.0.0.1", what, f":{port}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
            preexec_fn=ends_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call, loaded before the fork
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
                assert found, f"port-forward to {what}: {line}{process.stdout.read() if process.poll() else ''}"
                yield f"http://127.0.0.1:{found[1]}"
            finally:
                process.kill()

    @property
    def _server(self) -> ApiServer:
        return api_server(self.environment.get("KUBECONFIG"), self.context or None)

    def _command(self, *arguments: str) -> tuple[str, ...]:
        cluster = ("--context", self.context) if self.context else ()
        where = ("--namespace", self.namespace) if self.namespace else ()
        return ("kubectl", *cluster, *where, *arguments)


def as_yaml(*documents: Manifest | Path) -> str:
    """For kubectl's standard input."""
    texts = [
        item.read_text(encoding="utf-8") if isinstance(item, Path) else json.dumps(item, default=dict)
        for item in documents
    ]
    return "\n---\n".join(texts)
