"""What the chart repeats is what it repeats from: the CRD, the version, names, its own values in their schema."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from webhookcore import __version__
from webhookcore.settings import PullPolicy
from webhookcore.settings.envelope import Metadata
from webhookcore.settings.fields import describe_fields
from webhookcore_operator import leader
from webhookcore_operator.hooks.apply_config import KEY
from webhookcore_operator.render import names
from webhookcore_operator.render.pods import USER

ROOT: Final = Path(__file__).parents[3]
CHART: Final = ROOT / "charts" / "webhook-core"


def read(name: str) -> str:
    return (CHART / name).read_text(encoding="utf-8")


def data(name: str) -> Any:
    return yaml.safe_load(read(name))


def test_its_crd_is_the_repositorys() -> None:
    """Helm reads nothing outside of the chart's folder. `make crd` writes both."""
    assert read("files/webhookcoreconfigs.yaml") == (ROOT / "crds/webhookcoreconfigs.yaml").read_text(encoding="utf-8")


def test_the_crd_can_be_labelled_as_text() -> None:
    """The template writes its labels and annotations where the one `metadata:` of the document begins."""
    text = read("files/webhookcoreconfigs.yaml")
    assert text.count("\nmetadata:\n") == 1
    assert set(yaml.safe_load(text)["metadata"]) == {"name"}


def test_its_versions_are_the_releases() -> None:
    """The chart's image is that of this very release where the values name no tag."""
    chart = data("Chart.yaml")
    assert chart["version"] == chart["appVersion"] == __version__


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All mappings with fields of their own."""
    if "properties" in schema:
        yield path, schema
        for name, below in schema["properties"].items():
            yield from objects(below, f"{path}.{name}")


def test_the_schema_has_every_value_and_no_other() -> None:
    """So a typo is refused, and a value that is documented can be set. `global` is Helm's."""
    schema, values = json.loads(read("values.schema.json")), data("values.yaml")
    assert schema["properties"].pop("global")
    for path, section in objects(schema):
        below = values
        for name in path.split(".")[1:]:
            below = below[name]
        assert section["additionalProperties"] is False, path
        assert set(section["properties"]) == set(below), path


def test_the_values_bounds_are_cores_where_they_are_repeated() -> None:
    """The resource's name, the pull policies, and the one default that both have."""
    properties = json.loads(read("values.schema.json"))["properties"]
    name, cores = properties["config"]["properties"]["name"], Metadata.model_json_schema()["properties"]["name"]
    assert {bound: cores[bound] for bound in name} == name
    assert properties["image"]["properties"]["pullPolicy"]["enum"] == [str(policy) for policy in PullPolicy]
    defaults = {field.path: field.default for field in describe_fields()}
    assert data("values.yaml")["image"]["pullPolicy"] == json.loads(defaults["spec.image.pullPolicy"])
    assert data("values.yaml")["config"]["spec"] == {}, "defaults of a resource are the CRD's alone"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("access/operator.yaml", f"resourceNames: [{leader.NAME}]"),
        ("access/_rules.tpl", f"apiGroups: [{names.GROUP}]"),
        ("config/_resource.tpl", f'"apiVersion" "{names.API_VERSION}" "kind" "{names.KIND}"'),
        ("config/config.yaml", f"  {KEY}: |"),
        ("_pods.tpl", f"runAsUser: {USER}"),
        ("_names.tpl", "app.kubernetes.io/component"),
    ],
)
def test_its_templates_use_the_codes_names(template: str, text: str) -> None:
    """A name that the code changes is changed in the chart too."""
    assert text in read(f"templates/{template}")
