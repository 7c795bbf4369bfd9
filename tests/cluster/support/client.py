"""The operator's own client of the API server, in the test's process: what only its parts can be asked."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from kubernetes.aio import config
from kubernetes.aio.client.configuration import Configuration
from tests.cluster.support.clusters import Cluster

from webhookcore_operator.api import Api


class Gate:
    """Counts the writes that it lets through; closed, it lets none through."""

    def __init__(self) -> None:
        self.writes = 0
        self.closed: Exception | None = None

    def __call__(self) -> None:
        if self.closed is not None:
            raise self.closed
        self.writes += 1


async def configuration(cluster: Cluster, *, token: str = "", host: str = "") -> Any:
    """The cluster's, as its administrator, or as whom a token names; at another address on demand."""
    made: Any = Configuration()
    await config.load_kube_config(config_file=str(cluster.kubeconfig), client_configuration=made, persist_config=False)
    made.retries = 0
    if token:
        made.cert_file = made.key_file = None
        made.api_key["BearerToken"] = token
        made.api_key_prefix["BearerToken"] = "Bearer"
    if host:
        made.host = host
    return made


@asynccontextmanager
async def connected(
    cluster: Cluster,
    gate: Callable[[], None] = lambda: None,
    *,
    token: str = "",
    host: str = "",
    client: type[Api] = Api,
) -> AsyncIterator[Api]:
    """A client, closed at the end; `client`: one that does something else between two requests."""
    api = client(await configuration(cluster, token=token, host=host), gate)
    try:
        yield api
    finally:
        await api.close()
