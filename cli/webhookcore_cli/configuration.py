"""Reads the settings for a command and turns what is wrong with them into one message."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from webhookcore.settings import (
    ROUTER_NEEDS,
    Need,
    Settings,
    SettingsError,
    WebhookCoreSpec,
    load_settings,
    parse_config,
)
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
    try:
        settings = load_settings(config, environ, need=need, tolerate_unknown=tolerate_unknown)
    except SettingsError as error:
        raise refusal(error) from None
    for warning in settings.warnings:
        sys.stderr.write(f"webhookcore: warning, not heeded: {warning}\n")
    return settings


def parse(config: Path) -> WebhookCoreSpec:
    """The spec alone, without secrets. Raises SettingsError for what is wrong in it."""
    try:
        return parse_config(config.read_text(encoding="utf-8"), str(config))
    except (OSError, UnicodeDecodeError) as error:
        raise TroubleError(f"the config {config} cannot be read: {error}", EXIT_CONFIGURATION) from None


def example() -> Path:
    """The config that the local mode takes where none is named."""
    beside_source = Path(__file__).parents[2] / EXAMPLE
    for path in (EXAMPLE, beside_source):
        if path.is_file():
            return path
    raise TroubleError(f"no config is named and there is no {EXAMPLE}: name one with --config.", EXIT_CONFIGURATION)


def refusal(error: SettingsError) -> TroubleError:
    """All problems of a config, one a line, under a heading that counts them."""
    count = len(error.problems)
    heading = "1 problem" if count == 1 else f"{count} problems"
    return TroubleError(f"the configuration has {heading}:\n{error}", EXIT_CONFIGURATION)
