"""Reads the settings for a command and turns what is wrong with them into one message."""

from collections.abc import Mapping
from pathlib import Path

from webhookcore.settings import Settings, SettingsError, load_settings
from webhookcore_cli.trouble import EXIT_CONFIGURATION, TroubleError


def load(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings, or TroubleError with every problem at once and exit code 78."""
    try:
        return load_settings(config, environ)
    except SettingsError as error:
        raise refusal(error) from None


def refusal(error: SettingsError) -> TroubleError:
    """All problems of a config, one a line, under a heading that counts them."""
    count = len(error.problems)
    heading = "1 problem" if count == 1 else f"{count} problems"
    return TroubleError(f"The configuration has {heading}; nothing was started.\n{error}", EXIT_CONFIGURATION)
