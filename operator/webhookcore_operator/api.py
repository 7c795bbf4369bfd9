"""The API server over HTTP: requests and answers as plain objects. Every write passes the leader's gate first."""

import json
import os
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from webhookcore_operator.kinds import Kind
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import FIELD_MANAGER

SECONDS: Final = 15.0
"""For one request."""
_JSON: Final = "application/json"
_APPLY: Final = "application/apply-patch+yaml; charset=utf-8"
"""With its parameter: a body of this type the client sends as it is."""
_ESCAPED: Final = re.compile("[\x7f-\uffff]")
_JSON_PATCH: Final = "application/json-patch+json"
_PAGE: Final = 500


_MALFORMED: Final = ("failed to create typed patch object", "failed to convert new object")


class ApiError(Exception):
    """What the API server refused. `status` is HTTP's; `reason` and `message` are the server's words."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def not_found(self) -> bool:
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def conflict(self) -> bool:
        """It exists already, or has changed since it was read."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def forbidden(self) -> bool:
        return self.status == HTTPStatus.FORBIDDEN

    @property
    def invalid(self) -> bool:
        """The server understood, and does not take it."""
        return self.status == HTTPStatus.UNPROCESSABLE_ENTITY

    @property
    def malformed(self) -> bool:
        """A field is of another type, or a quantity is none: server-side apply calls that an error of its own (500)."""
        return self.status == HTTPStatus.BAD_REQUEST or self.message.startswith(_MALFORMED)


class NoClusterError(Exception):
    """Nothing says where the API server is: neither a pod's account nor a kubeconfig."""


UNREACHABLE: Final = (aiohttp.ClientError, TimeoutError, OSError)
"""What a request raises where there was no answer."""


class Api:
    """A client of one API server.

    `gate()` is called before each write and raises where this process must not write.
    """

    def __init__(self, configuration: Any, gate: Callable[[], None] = lambda: None) -> None:
        self._configuration = configuration
        self._http: Any = RESTClientObject(configuration)
        self._gate = gate

    @classmethod
    async def connect(cls, gate: Callable[[], None] = lambda: None) -> Self:
        """Inside a cluster with the pod's account, else as kubectl would. Raises NoClusterError."""
        configuration: Any = Configuration()
        try:
            if "KUBERNETES_SERVICE_HOST" in os.environ:
                load: Any = config.load_incluster_config
                load(client_configuration=configuration)
            else:
                load = config.load_kube_config
                await load(client_configuration=configuration)
        except config.ConfigException as error:
            raise NoClusterError(f"there is no cluster to speak to: {error}") from None
        configuration.retries = 0
        return cls(configuration, gate)

    async def close(self) -> None:
        await self._http.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """None where there is none."""
        try:
            return await self._request("GET", kind.path(namespace, quote(name)))
        except ApiError as error:
            if error.not_found:
                return None
            raise

    async def list_all(
        self, kind: Kind, namespace: str = "", *, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        """All of a namespace, or of all namespaces, with these labels; `kind` and `apiVersion` in each."""
        query = {"limit": str(_PAGE)}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        found: list[Manifest] = []
        while True:
            page = await self._request("GET", kind.path(namespace), query)
            found += [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in page["items"]]
            token = page["metadata"].get("continue")
            if not token:
                return found
            query["continue"] = token

    async def serves(self, kind: Kind) -> bool:
        """Whether the cluster has this kind."""
        try:
            resources = await self._request("GET", f"/apis/{kind.api_version}")
        except ApiError as error:
            if error.not_found:
                return False
            raise
        return any(resource["name"] == kind.plural for resource in resources["resources"])

    async def create(self, kind: Kind, namespace: str, body: Manifest) -> Manifest:
        """Raises ApiError with status 409 where it exists."""
        return await self._write("POST", kind.path(namespace), body, _JSON, {"fieldManager": FIELD_MANAGER})

    async def replace(self, kind: Kind, namespace: str, name: str, body: Manifest) -> Manifest:
        """The whole object; with its resourceVersion, 409 where it has changed since."""
        return await self._write("PUT", kind.path(namespace, name), body, _JSON, {"fieldManager": FIELD_MANAGER})

    async def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Manifest,
        *,
        manager: str = FIELD_MANAGER,
        subresource: str = "",
    ) -> Manifest:
        """Server-side apply, forced."""
        query = {"fieldManager": manager, "force": "true"}
        return await self._write("PATCH", kind.path(namespace, name, subresource), _yaml(body), _APPLY, query)

    async def patch(self, kind: Kind, namespace: str, name: str, operations: list[Manifest]) -> Manifest:
        """A JSON patch; 409 where it names a resourceVersion that is not the present one."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self._write("PATCH", kind.path(namespace, name), operations, _JSON_PATCH, query)

    async def delete(self, kind: Kind, live: Manifest) -> None:
        """This very object, by its UID, and what it owns in the background; gone already is well."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": live["metadata"]["uid"]}}
        path = kind.path(live["metadata"]["namespace"], live["metadata"]["name"])
        try:
            await self._write("DELETE", path, body, _JSON, {})
        except ApiError as error:
            if not (error.not_found or error.conflict):
                raise

    async def _write(self, method: str, path: str, body: Any, content: str, query: Mapping[str, str]) -> Manifest:
        self._gate()
        return await self._request(method, path, query, body, content)

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None, content: str = _JSON
    ) -> Manifest:
        headers = {"Content-Type": content, "Accept": _JSON, "User-Agent": FIELD_MANAGER}
        for setting in (await self._configuration.auth_settings()).values():
            headers[setting["key"]] = setting["value"]
        url = self._configuration.host + path + (f"?{urlencode(query)}" if query else "")
        answer = await self._http.request(method, url, headers=headers, body=body, _request_timeout=SECONDS)
        data = await answer.read()
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _error(answer.status, data)
        result: Manifest = json.loads(data)
        return result


def _yaml(body: Manifest) -> str:
    """JSON that is YAML too, which knows no escapes in pairs (JSON's of an emoji), and not each character unescaped."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(body, ensure_ascii=False))


def _error(status: int, data: bytes) -> ApiError:
    try:
        told = json.loads(data)
        return ApiError(status, str(told.get("reason", "")), str(told.get("message", "")))
    except (ValueError, AttributeError):
        return ApiError(status, "", data[:500].decode("utf-8", "replace"))
