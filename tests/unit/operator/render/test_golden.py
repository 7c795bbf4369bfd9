"""Every child as it is written, for a reader to look at. `UPDATE_GOLDEN=1 pytest tests/unit/operator` renews them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.unit.operator.render.resources import AUTOSCALED, EVERYTHING, MINIMAL, PLACED, children, inputs

from webhookcore.settings.check import check
from webhookcore_operator.render import Inputs, names

GOLDEN: Final = Path(__file__).parent / "golden"
CASES: Final[dict[str, Inputs]] = {
    "minimal": inputs(MINIMAL),
    "everything": inputs(EVERYTHING, replicas=3),
    "autoscaled": inputs(AUTOSCALED, replicas=None),
    "placed": inputs(PLACED, replicas=1),
}
SPECS: Final = {"minimal": MINIMAL, "everything": EVERYTHING, "autoscaled": AUTOSCALED, "placed": PLACED}


class Readable(yaml.SafeDumper):
    """Writes a text of several lines as such, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: Readable, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Readable.add_representer(str, _text)


@pytest.mark.parametrize("case", CASES)
def test_children(case: str) -> None:
    """What is rendered is what was looked at."""
    rendered = yaml.dump_all(children(CASES[case]), Dumper=Readable, sort_keys=False, allow_unicode=True, width=120)
    file = GOLDEN / f"{case}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(rendered, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == rendered


def test_no_golden_file_is_left_over() -> None:
    """Each belongs to a case."""
    assert {file.stem for file in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_resources_are_valid(spec: Mapping[str, Any]) -> None:
    """None of the cases is one that the operator would never be asked for."""
    document = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": "core"}, "spec": spec}
    assert check(document).findings == ()
