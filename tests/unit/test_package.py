"""What the wheel holds besides the packages: put where an installed package looks for it."""

import tomllib
from pathlib import Path

from webhookcore_cli.configuration import EXAMPLE

ROOT = Path(__file__).parents[2]
WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


def test_the_wheel_holds_the_migrations_and_the_example() -> None:
    """`migrations_folder` and `example` look there first, or last."""
    assert WHEEL["force-include"] == {
        "migrations": "webhookcore/migrations",
        str(EXAMPLE): f"webhookcore_cli/{EXAMPLE}",
    }
    assert all((ROOT / source).exists() for source in WHEEL["force-include"])


def test_the_wheel_holds_every_package() -> None:
    """One a folder; the demo and the tests stay at home."""
    packages = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/webhookcore*/__init__.py")}
    assert set(WHEEL["packages"]) == packages
