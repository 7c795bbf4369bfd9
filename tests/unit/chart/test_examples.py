"""The examples for a cluster fit each other, the release, and the example that everybody starts with."""

from pathlib import Path
from typing import Any, Final

import yaml
from tests.unit.operator.render.pod_security import violations

from webhookcore import __version__
from webhookcore.settings import WebhookCoreSpec, read_config
from webhookcore_cli.local.examples import GRAPH_API_PATH
from webhookcore_operator.render.references import references

ROOT: Final = Path(__file__).parents[3]
EXAMPLES: Final = ROOT / "examples" / "kubernetes"
CHART: Final = ROOT / "charts" / "webhook-core"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


def spec() -> WebhookCoreSpec:
    return read_config(EXAMPLES / "webhookcoreconfig.yaml")


def test_it_is_the_common_example_in_a_cluster() -> None:
    """The same company: what routes claim, menus and schedules; only where the services are differs."""
    common = read_config(ROOT / "examples" / "webhookcoreconfig.yaml")
    moved = {"url": None, "service": None}
    ours = [route.model_copy(update=moved) for route in spec().routes]
    assert ours == [route.model_copy(update=moved) for route in common.routes]
    for section in ("home", "fallback", "statuses", "others", "dlq", "sessions", "cleanup", "database"):
        assert getattr(spec(), section) == getattr(common, section), section


def test_every_secret_that_it_names_is_made() -> None:
    """By secrets.yaml, and the database's by the chart's embedded Postgres."""
    made = {(each["metadata"]["name"], key) for each in documents("secrets.yaml") for key in each["stringData"]}
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    made.add((values["embeddedPostgres"]["secretName"], "url"))
    assert {(reference.name, reference.key) for reference in references(spec())} == made


def test_its_services_are_the_example_services() -> None:
    """One Service for all, the path says which; the same image as the chart's; fit for restricted Pod Security."""
    deployment, service = documents("example-services.yaml")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    command, *served, _, port = container["args"]
    assert command == "example-services"
    assert port == str(container["ports"][0]["containerPort"])
    assert container["image"] == f"webhook-core:{__version__}"
    assert violations(deployment["spec"]["template"]) == []
    name, exposed = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
    for route in spec().routes:
        assert route.service is not None
        assert (route.service.name, route.service.port, route.service.path) == (name, exposed, f"/{route.name}")
    assert served == [route.name for route in spec().routes]
    assert spec().whatsapp.graph_api_url == f"http://{name}{GRAPH_API_PATH}"
