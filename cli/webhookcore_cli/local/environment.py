"""What the local mode tells its children: the secrets, and a config whose Graph API is one that may be reached."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from webhookcore.settings import SecretRef, WebhookCoreSpec
from webhookcore.settings.render import render_config
from webhookcore.settings.secrets import INTERNAL_REF, INTERNAL_SECRET, route_variable
from webhookcore_cli.local import made_secrets
from webhookcore_cli.local.data_folder import DataFolder, write_private
from webhookcore_cli.local.examples import ExampleGraphApi

ACCESS_TOKEN: Final = "WA_ACCESS_TOKEN"  # noqa: S105 - a variable's name
NAME: Final = "local"
"""What the children's config is called: nothing that a name is needed for is made here."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The children's environment and config: written anew from what was read, so that one who starts later reads the
    same as the others.

    `made` names the secrets that come from the data folder.
    """

    variables: Mapping[str, str] = field(repr=False)
    config: Path
    made: tuple[str, ...]

    @classmethod
    def prepare(
        cls,
        config: Path,
        spec: WebhookCoreSpec,
        environ: Mapping[str, str],
        folder: DataFolder,
        graph: ExampleGraphApi | None,
    ) -> Self:
        """Make what is missing and keep it in the data folder; the environment and files beside the config win."""
        secrets_dir = _secrets_dir(config, environ)
        missing = [name for name, ref in _references(spec) if not _is_given(name, ref, secrets_dir, environ)]
        if graph is not None:
            missing.append(ACCESS_TOKEN)
        kept = made_secrets.keep(folder.secrets, missing)
        variables = {
            **environ,
            **{name: kept[name] for name in missing},
            "WEBHOOKCORE_SECRETS_DIR": str(secrets_dir.absolute()),
        }
        if graph is not None:
            whatsapp = spec.whatsapp.model_copy(update={"graph_api_url": graph.url})
            spec = spec.model_copy(update={"whatsapp": whatsapp})
        write_private(folder.config, render_config(spec, NAME))
        return cls(variables, folder.config, tuple(missing))


def needs_graph_api(config: Path, spec: WebhookCoreSpec, environ: Mapping[str, str]) -> bool:
    """Whether menus would go to WhatsApp without a real access token."""
    given = _is_given(ACCESS_TOKEN, spec.whatsapp.access_token_ref, _secrets_dir(config, environ), environ)
    return not spec.home.route and not given


def _secrets_dir(config: Path, environ: Mapping[str, str]) -> Path:
    return Path(environ.get("WEBHOOKCORE_SECRETS_DIR") or config.parent / "secrets")


def _references(spec: WebhookCoreSpec) -> Iterator[tuple[str, SecretRef]]:
    """Every secret that must be there: its variable and where its file would be."""
    yield "WA_APP_SECRET", spec.whatsapp.app_secret_ref
    yield "WA_VERIFY_TOKEN", spec.whatsapp.verify_token_ref
    yield INTERNAL_SECRET, INTERNAL_REF
    for route in spec.routes:
        if (ref := route.secret_ref) is not None:
            yield route_variable(ref), ref


def _is_given(name: str, ref: SecretRef | None, secrets_dir: Path, environ: Mapping[str, str]) -> bool:
    return name in environ or (ref is not None and (secrets_dir / ref.name / ref.key).is_file())
