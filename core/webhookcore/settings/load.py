"""Loads the settings of a part: the config, the environment's overrides and the secrets, all checked together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from webhookcore.settings.check import Checked, check
from webhookcore.settings.document import MAX_CHARACTERS, Document, read_document
from webhookcore.settings.environment import applied, overrides, router_internal_url
from webhookcore.settings.finder import Finder
from webhookcore.settings.problems import Problem, SettingsError
from webhookcore.settings.secrets import ROUTER_NEEDS, Need, Search, Secrets
from webhookcore.settings.spec import WebhookCoreSpec

CONFIG: Final = "WEBHOOKCORE_CONFIG"
SECRETS_DIR: Final = "WEBHOOKCORE_SECRETS_DIR"


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a part of Webhook Core is told."""

    spec: WebhookCoreSpec
    secrets: Secrets
    database_url: str | None = field(repr=False)
    router_internal_url: str
    """Without a slash at its end."""
    warnings: tuple[Problem, ...] = ()
    """Fields that were not known and are not heeded."""


def parse_config(text: str, source: str) -> WebhookCoreSpec:
    """Reads one WebhookCoreConfig; `source` names it in errors. Raises SettingsError with all that is wrong."""
    document = read_document(text, source)
    checked = check(document.data)
    problems = _problems(document, checked)
    if problems or checked.view is None:
        raise SettingsError(problems)
    return checked.view.spec


def read_config(path: Path) -> WebhookCoreSpec:
    """Reads a file with one WebhookCoreConfig, and no secrets. Raises SettingsError with all that is wrong."""
    return parse_config(_read(path), str(path))


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    need: frozenset[Need] = ROUTER_NEEDS,
    tolerate_unknown: bool = False,
) -> Settings:
    """Loads the settings from a file (that of WEBHOOKCORE_CONFIG where `path` is None) and the environment.

    Raises SettingsError with all that is wrong: in the file, in the environment, and with the secrets that are needed.
    """
    numbers, problems = overrides(environ)
    internal_url, more = router_internal_url(environ)
    problems += more
    try:
        path = path or _configured(environ)
        document = read_document(_read(path), str(path))
    except SettingsError as error:
        raise SettingsError((*error.problems, *problems)) from None
    checked = check(document.data, tolerate_unknown=tolerate_unknown)
    problems[:0] = _problems(document, checked)
    if checked.view is None:
        raise SettingsError(problems)
    finder = Finder(environ, Path(environ.get(SECRETS_DIR) or path.parent / "secrets"))
    search = Search(checked.view, document, finder)
    settings = Settings(
        spec=applied(checked.view.spec, numbers),
        secrets=search.secrets(need),
        database_url=search.database_url(required=Need.DATABASE in need),
        router_internal_url=internal_url,
        warnings=tuple(map(document.problem, checked.unknown)),
    )
    if problems or finder.problems:
        raise SettingsError((*problems, *finder.problems))
    return settings


def _problems(document: Document, checked: Checked) -> list[Problem]:
    """What is wrong with a document, from its first line to its last."""
    findings = sorted((*document.findings, *checked.findings), key=lambda finding: document.line(finding.loc))
    return [document.problem(finding) for finding in findings]


def _configured(environ: Mapping[str, str]) -> Path:
    if not (name := environ.get(CONFIG)):
        raise SettingsError([Problem(f"${CONFIG}", "nothing", "must name a file with a WebhookCoreConfig")])
    return Path(name)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4 * MAX_CHARACTERS + 1).decode()
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        found = "a file that is no UTF-8"
    raise SettingsError([Problem("", found, "must be a file with a WebhookCoreConfig", str(path))])
