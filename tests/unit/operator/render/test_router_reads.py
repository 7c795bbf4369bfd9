"""What the router's code reads of the spec is in the routers' ConfigMap: a setting that is left out is its default."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel
from tests.unit.operator.render.reach import REACH

from webhookcore.settings import WebhookCoreSpec

ROOT: Final = Path(__file__).parents[4]
SOURCES: Final = ("router/webhookcore_router", "core/webhookcore/routing", "core/webhookcore/delivery")
READS: Final = re.compile(r"\bspec\.([a-z_]+)\b(?:\.([a-z_]+)\b)?")


def alias(name: str, model: type[BaseModel]) -> str:
    """A field's name in a resource."""
    return model.model_fields[name].alias or name


def read() -> Iterator[tuple[str, str]]:
    """Each expression `spec.SECTION[.FIELD]` in the code, and its path in a resource."""
    for folder in SOURCES:
        for file in sorted((ROOT / folder).rglob("*.py")):
            for found in READS.finditer(file.read_text(encoding="utf-8")):
                section, field = found.groups()
                path = f"spec.{alias(section, WebhookCoreSpec)}"
                annotation = WebhookCoreSpec.model_fields[section].annotation
                if field and isinstance(annotation, type) and issubclass(annotation, BaseModel):
                    path += f".{alias(field, annotation)}"
                yield f"{file.name}: {found[0]}", path


@pytest.mark.parametrize(("expression", "path"), sorted(set(read())))
def test_what_is_read_is_rendered(expression: str, path: str) -> None:
    """A change of it changes the routers' ConfigMap; that REACH is right is tested by itself."""
    of_it = [reached for name, (_, reached) in REACH.items() if re.match(re.escape(path) + r"(?![A-Za-z])", name)]
    assert of_it, f"{expression} is no field"
    assert any("router config" in reached for reached in of_it)


def test_the_code_is_where_it_is_looked_for() -> None:
    """Sections that routers surely read are found."""
    sections = {path.split(".")[1] for _, path in read()}
    assert {"routes", "home", "fallback", "sessions", "dlq", "whatsapp", "router", "database"} <= sections
