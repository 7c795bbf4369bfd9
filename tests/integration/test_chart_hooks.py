"""The commands of the Helm chart's hooks, against an API server that answers as the real one did when it was asked.

The real one's part is in tests/cluster; here are the answers that it gives for a moment only.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.processes import Process

from webhookcore_cli.local.small_http import Answer, Request, SmallServer

PATH = "/apis/webhookcore.io/v1alpha1/namespaces/shop/webhookcoreconfigs/shop"
CONFIG_MAP = "/api/v1/namespaces/shop/configmaps/webhook-core-config"
RESOURCE = {
    "apiVersion": "webhookcore.io/v1alpha1",
    "kind": "WebhookCoreConfig",
    "metadata": {"name": "shop"},
    "spec": {"fallback": "home"},
}


def answer(status: int, body: Any) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())


def refusal(status: int, message: str) -> Answer:
    return answer(status, {"kind": "Status", "message": message, "reason": "", "code": status})


class ApiServer:
    """Answers each path from its list, the last answer again and again."""

    def __init__(self, folder: Path) -> None:
        self.server = SmallServer(self._answer)
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[Request] = []
        self._kubeconfig = folder / "kubeconfig"

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answers = self.answers.get(request.target.partition("?")[0], [refusal(404, "not found")])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def hold(self, text: str) -> None:
        """The ConfigMap, with this text for a resource."""
        found = {"metadata": {"name": "webhook-core-config", "uid": "u-1"}, "data": {"webhookcoreconfig.yaml": text}}
        self.answers[CONFIG_MAP] = [answer(200, found)]

    async def run(self, *arguments: str) -> Process:
        """A command with this API server, to its end."""
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.port}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [context]}
        users = [{"name": "u", "user": {"token": "t"}}]
        self._kubeconfig.write_text(json.dumps({**config, "clusters": [cluster], "users": users}))
        process = await Process.start(*arguments, env={"KUBECONFIG": str(self._kubeconfig), "POD_NAMESPACE": "shop"})
        await process.wait(60)
        return process


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    made = ApiServer(tmp_path)
    async with made.server:
        made.hold(yaml.safe_dump(RESOURCE))
        yield made


async def apply(api: ApiServer, *more: str) -> Process:
    return await api.run("apply-config", "webhook-core-config", "--wait-seconds", "5", *more)


async def test_a_resource_is_applied_as_soon_as_its_kind_is_served(api: ApiServer) -> None:
    """The role that was just made, the CRD that is not established yet, a server that is busy: all pass."""
    api.answers[PATH] = [refusal(403, "forbidden"), refusal(404, "not found"), answer(200, RESOURCE)]
    process = await apply(api)
    assert process.returncode == 0, process.errors
    assert process.lines == ["WebhookCoreConfig shop/shop is applied."]
    sent = api.requests[-1]
    assert sent.method == "PATCH"
    assert sent.target == f"{PATH}?fieldManager=webhookcore-chart&force=true"
    assert sent.headers["content-type"] == "application/apply-patch+yaml; charset=utf-8"
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "webhook-core-config", "uid": "u-1"}
    assert json.loads(sent.body) == {**RESOURCE, "metadata": {"name": "shop", "ownerReferences": [owner]}}


async def test_a_resource_that_is_to_stay_has_no_owner(api: ApiServer) -> None:
    """Applying it without takes an earlier one away."""
    api.answers[PATH] = [answer(200, RESOURCE)]
    assert (await apply(api, "--no-owned")).returncode == 0
    assert json.loads(api.requests[-1].body) == RESOURCE


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (422, 'WebhookCoreConfig "shop" is invalid: spec.fallback: must be the name of one of the routes'),
        (500, "failed to create typed patch object: .spec.fallbak: field not declared in schema"),
        (400, "strict decoding error"),
    ],
)
async def test_what_is_refused_is_not_tried_again(api: ApiServer, status: int, message: str) -> None:
    """Exit code 78: the Job must not either. The server's words name the field."""
    api.answers[PATH] = [refusal(status, message)]
    process = await apply(api)
    assert process.returncode == 78
    assert process.errors == [f"webhookcore: WebhookCoreConfig shop/shop is refused: {message}"]
    assert len(api.requests) == 2


async def test_what_does_not_come_about_ends_with_the_servers_last_words(api: ApiServer) -> None:
    """Exit code 1: the Job may try again."""
    process = await apply(api)
    assert process.returncode == 1
    assert process.errors == ["webhookcore: WebhookCoreConfig shop/shop did not come about within 5 s: not found"]


@pytest.mark.parametrize("text", ["", "[]", "a: {b", "kind: WebhookCoreConfig"])
async def test_a_config_map_without_a_resource(api: ApiServer, text: str) -> None:
    """Somebody changed it by hand."""
    api.hold(text)
    process = await apply(api)
    assert process.returncode == 78
    assert "ConfigMap webhook-core-config holds no WebhookCoreConfig" in process.errors[0]


async def test_an_install_is_looked_at(api: ApiServer) -> None:
    """An operator that gets ready, and a kind that gets served."""
    url = f"http://127.0.0.1:{api.server.port}"
    served = {"resources": [{"name": "webhookcoreconfigs"}]}
    api.answers["/readyz"] = [Answer(503, body=b"starting"), Answer(200)]
    api.answers["/apis/webhookcore.io/v1alpha1"] = [answer(200, {"resources": []}), answer(200, served)]
    process = await api.run("check-install", url, "--wait-seconds", "5")
    assert process.returncode == 0, process.errors
    assert process.lines == ["An operator is ready, and the API server serves WebhookCoreConfig."]


async def test_an_install_without_an_operator(api: ApiServer) -> None:
    """What it said last is told."""
    api.answers["/readyz"] = [Answer(503, body=b"no leader yet")]
    url = f"http://127.0.0.1:{api.server.port}"
    process = await api.run("check-install", url, "--wait-seconds", "1")
    assert process.returncode == 1
    assert process.errors == [
        f"webhookcore: an operator that is ready at {url} did not come about within 1 s: 503: no leader yet"
    ]
    gone = await api.run("check-install", "http://127.0.0.1:1", "--wait-seconds", "1")
    assert "did not come about within 1 s" in gone.errors[0]
