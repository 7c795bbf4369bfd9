"""Reads the settings for a command and turns what is wrong with them into one message."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from webhookcore.settings import Settings, SettingsError, WebhookCoreSpec, load_settings, parse_config
from webhookcore_cli.trouble import EXIT_CONFIGURATION, TroubleError

EXAMPLE: Final = Path("examples/webhookcoreconfig.yaml")


def load(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings, or TroubleError with every problem at once and exit code 78."""
    try:
        return load_settings(config, environ)
    except SettingsError as error:
        raise refusal(error) from None


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
    return TroubleError(f"The configuration has {heading}; nothing was started.\n{error}", EXIT_CONFIGURATION)
