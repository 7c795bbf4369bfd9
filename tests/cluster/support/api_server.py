"""Reading from the API server in this process: what tests look at again and again until it is as they expect.

A look by kubectl is a process of its own, which costs a tenth of a second of a core and waits longer than that for one.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from kubernetes import config
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

_DISCOVERY: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_TIMEOUT_SECONDS: Final = 60


class LookError(AssertionError):
    """The API server did not answer, or answered something else than what it was asked for."""

    def __init__(self, what: str, why: str, *, says_missing: bool = False) -> None:
        super().__init__(f"GET {what}: {why}")
        self.says_missing = says_missing
        """Whether it knows the kind and has no such object."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a name of a kind stands for."""

    path: str
    """/api/v1, /apis/apps/v1, ..."""
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return self.path.removeprefix("/api/").removeprefix("/apis/")

    def url(self, namespace: str, name: str = "") -> str:
        where = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.path}{where}/{self.plural}" + (f"/{name}" if name else "")


class ApiServer:
    """A cluster's, as the kubeconfig's user. It finds kinds by the names that kubectl knows them by."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._resources: dict[str, Resource] = {}

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        """The object, None where there is none."""
        resource = self._resource(kind)
        try:
            return _shown(resource, json.loads(self.raw(resource.url(namespace, name))))
        except LookError as error:
            if error.says_missing:
                return None
            raise

    def list(self, kinds: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind, or of several ("jobs,pods")."""
        items = []
        for kind in kinds.split(","):
            resource = self._resource(kind)
            found = json.loads(self.raw(resource.url(namespace), labelSelector=selector))["items"]
            items += [_shown(resource, item) for item in found]
        return items

    def raw(self, path: str, *, accept: str = "*/*", **query: str) -> str:
        """The body of an answer, whatever it is."""
        given = [(name, value) for name, value in query.items() if value]
        try:
            answer = self._client.call_api(
                *self._client.param_serialize(
                    "GET", path, query_params=given, header_params={"Accept": accept}, auth_settings=["BearerToken"]
                ),
                _request_timeout=_TIMEOUT_SECONDS,
            )
            body: bytes = answer.read()
        except (HTTPError, OSError, ApiException) as error:
            raise LookError(path, str(error)) from error
        if answer.status >= 300:
            raise _refusal(path, body.decode(errors="replace"))
        return body.decode()

    def _resource(self, kind: str) -> Resource:
        """Asks the server for what it has where the name is not known: a CRD may be new."""
        kind = kind.lower()
        if kind not in self._resources:
            self._resources = self._discovered()
        try:
            return self._resources[kind]
        except KeyError:
            raise LookError(kind, "the server has no such kind of object") from None

    def _discovered(self) -> dict[str, Resource]:
        """Every name, the core group's first: a name that two groups have is the first one's."""
        names: dict[str, Resource] = {}
        for root in ("/api", "/apis"):
            for group in json.loads(self.raw(root, accept=_DISCOVERY))["items"]:
                for name, resource in _names(root, group):
                    names.setdefault(name, resource)
        return names


def _names(root: str, group: Mapping[str, Any]) -> Iterator[tuple[str, Resource]]:
    suffix = group["metadata"].get("name", "")
    for version in group["versions"]:
        path = "/".join(part for part in (root, suffix, version["version"]) if part)
        for found in version.get("resources", []):
            plural = found["resource"]
            resource = Resource(path, plural, found["responseKind"]["kind"], found["scope"] == "Namespaced")
            for name in (plural, found.get("singularResource"), resource.kind.lower(), *found.get("shortNames", [])):
                if name:
                    yield name, resource
                    if suffix:
                        yield f"{name}.{suffix}", resource


def _shown(resource: Resource, item: dict[str, Any]) -> dict[str, Any]:
    """As `kubectl get -o json` shows it."""
    item["metadata"].pop("managedFields", None)
    return {"apiVersion": resource.api_version, "kind": resource.kind} | item


def _refusal(path: str, body: str) -> LookError:
    try:
        status = json.loads(body)
        missing = status["reason"] == "NotFound" and "name" in status.get("details", {})
        return LookError(path, status["message"], says_missing=missing)
    except (ValueError, LookupError, TypeError):  # what is behind its proxy answers as it likes
        return LookError(path, body)


@cache
def api_server(kubeconfig: str | None, context: str | None) -> ApiServer:
    """None: kubectl's default. One for all that look at a cluster: it keeps its connections."""
    return ApiServer(config.new_client_from_config(kubeconfig, context))
