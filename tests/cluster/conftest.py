"""Fixtures of the tests on a real cluster, which is made for the run, and what a failed test is explained with."""

import os
import re
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
import pytest_asyncio
from tests.cluster.support import clusters, image, storage, tools
from tests.cluster.support import operator as operators
from tests.cluster.support.client import Gate, connected
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.explain import explain
from tests.cluster.support.kubectl import Kubectl
from tests.cluster.support.namespace import Namespace, fresh_namespace
from tests.cluster.support.operator import Operator

from webhookcore_operator.api import Api

TIMEOUT_SECONDS = 600
EXPLAINED = pytest.StashKey[list[Kubectl]]()
KEPT = pytest.StashKey[Cluster]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes, so it begins early: workers end together")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test on a cluster may take longer than others; the first one waits for the cluster too."""
    items.sort(key=_turn)
    for item in items:
        if "tests/cluster" in item.path.as_posix() and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


def _turn(item: pytest.Item) -> int:
    """Those that bring an operator of their own, or want none, come before the run's is there: it need not go away."""
    if "own_operator" in getattr(item, "fixturenames", ()):
        return 0
    return 1 if item.get_closest_marker("long") is not None else 2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """While its namespaces are still there."""
    report = yield
    if report.failed and call.when in {"setup", "call"}:
        noted = [kubectl for node in item.listchain() for kubectl in node.stash.get(EXPLAINED, [])]
        for kubectl in noted:
            report.sections.extend(explain(kubectl))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How to use the cluster that was kept."""
    if (kept := config.stash.get(KEPT, None)) is not None:
        terminalreporter.section(f"the cluster {kept.name} is kept")
        terminalreporter.write_line(clusters.how_to_use(kept))


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The run's cluster with the project's image; deleted at the end, kept with KEEP=1.

    WEBHOOKCORE_CLUSTER names one that `make cluster` or KEEP=1 kept: it is used, and kept.
    """
    try:
        found = tools.find()
    except tools.MissingError as missing:
        pytest.fail(f"no cluster: {missing}. Type: {missing.remedy}", pytrace=False)
    named = os.environ.get("WEBHOOKCORE_CLUSTER", "")
    with ExitStack() as stack:
        # Beside the cluster that is made: both wait for much, one of the network, one of the node.
        image_built = stack.enter_context(ThreadPoolExecutor()).submit(image.build, found)
        made = clusters.existing(named, found) if named else None
        if made is None:
            clusters.sweep(found)
            name = named or clusters.fresh_name()
            stack.enter_context(clusters.held(name))
            if named or os.environ.get("KEEP"):
                clusters.keep(name)
            else:
                stack.callback(clusters.delete, name, found)
            made = clusters.create(name, found)
        storage.provide(made)
        if (made.folder / clusters.KEPT).exists():
            pytestconfig.stash[KEPT] = made
        made.image = image_built.result()
        made.load(made.image)
        yield made
        made.audit(from_start=True).leave(made.name)


@pytest.fixture(scope="session")
def operator(cluster: Cluster, request: pytest.FixtureRequest) -> Operator:
    """The chart's, with the image under test, in `webhookcore-system`: it watches all namespaces."""
    made = operators.installed(cluster)
    _noted(request).append(made.kubectl)
    return made


@pytest.fixture
def gate() -> Gate:
    """What writes of `api` go through."""
    return Gate()


@pytest_asyncio.fixture
async def api(cluster: Cluster, gate: Gate) -> AsyncIterator[Api]:
    """The operator's client, in this process, as the cluster's administrator."""
    async with connected(cluster, gate) as made:
        yield made


@pytest.fixture(scope="session")
def shared_database(cluster: Cluster) -> Iterator[str]:
    """A database's URL, for resources whose routers get no message: they share it."""
    with fresh_namespace(cluster, "database") as namespace:
        yield namespace.postgres().url


@pytest.fixture(scope="module")
def own_operator(cluster: Cluster) -> Iterator[None]:
    """For a module that brings an operator of its own, or wants none: the run's is away meanwhile."""
    with operators.away(cluster):
        yield


@pytest.fixture
def explained(request: pytest.FixtureRequest) -> Callable[[Kubectl], None]:
    """Takes note of a namespace (by a kubectl in it) whose pods, events and logs explain the test if it fails."""
    return _noted(request).append


@pytest.fixture
def namespaces(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Callable[[], Namespace]]:
    """Makes namespaces, each deleted after the test."""
    with _namespaces(cluster, request, request.node.name) as make:
        yield make


@pytest.fixture
def namespace(namespaces: Callable[[], Namespace]) -> Namespace:
    """One of those."""
    return namespaces()


@pytest.fixture(scope="module")
def module_namespaces(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Callable[[], Namespace]]:
    """Makes namespaces for all tests of a module, each deleted after the last of them."""
    with _namespaces(cluster, request, request.path.stem) as make:
        yield make


def _noted(request: pytest.FixtureRequest) -> list[Kubectl]:
    """What explains failures in the scope of a fixture."""
    noted: list[Kubectl] = request.node.stash.setdefault(EXPLAINED, [])
    return noted


@contextmanager
def _namespaces(cluster: Cluster, request: pytest.FixtureRequest, name: str) -> Iterator[Callable[[], Namespace]]:
    prefix = re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("test_")).strip("-")
    with ExitStack() as stack:

        def make() -> Namespace:
            made = stack.enter_context(fresh_namespace(cluster, prefix))
            _noted(request).append(made.kubectl)
            return made

        yield make
