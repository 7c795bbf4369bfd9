"""Reads the settings for a command and turns what is wrong with them into one message."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from webhookcore.settings import ROUTER_NEEDS, Need, Settings, SettingsError, load_settings
from webhookcore_cli.trouble import EXIT_CONFIGURATION, TroubleError

EXAMPLE: Final = Path("examples/webhookcoreconfig.yaml")


def load(
    config: Path | None,
    environ: Mapping[str, str],
    need: frozenset[Need] = ROUTER_NEEDS,
    *,
    tolerate_unknown: bool = False,
) -> Settings:
    """The settings, or TroubleError with every problem at once and exit code 78. Warnings go to stderr."""
    if config is None and not environ.get("WEBHOOKCORE_CONFIG"):
        raise TroubleError("no config is named: name one with --config or WEBHOOKCORE_CONFIG.", EXIT_CONFIGURATION)
    try:
        settings = load_settings(config, environ, need=need, tolerate_unknown=tolerate_unknown)
    except SettingsError as error:
        raise refusal(error) from None
    for warning in settings.warnings:
        sys.stderr.write(f"webhookcore: warning, not heeded: {warning}\n")
    return settings


def example() -> Path:
    """The config that the local mode takes where none is named: from here, from the source tree, or from the wheel."""
    package = Path(__file__).parent
    for folder in (Path(), package.parents[1], package):
        if (path := folder / EXAMPLE).is_file():
            return path
    raise TroubleError(f"no config is named and there is no {EXAMPLE}: name one with --config.", EXIT_CONFIGURATION)


def refusal(error: SettingsError) -> TroubleError:
    """All problems of a config, one a line, under a heading that counts them."""
    count = len(error.problems)
    heading = "1 problem" if count == 1 else f"{count} problems"
    return TroubleError(f"the configuration has {heading}:\n{error}", EXIT_CONFIGURATION)
