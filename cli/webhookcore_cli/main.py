"""The command `webhookcore`: its subcommands, their options and their help. What they do is imported when they run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from webhookcore_cli.trouble import TroubleError

app = typer.Typer(
    name="webhookcore",
    no_args_is_help=True,
    # A traceback is for what nobody foresaw, and never shows local variables: they hold secrets and phone numbers.
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Receives WhatsApp webhooks, keeps them safe, routes them to the right service and delivers them.",
)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="WEBHOOKCORE_CONFIG", help="The file with the WebhookCoreConfig."),
]

PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The public listener: Meta's notifications.")]
InternalPortOption = Annotated[
    int, typer.Option(min=1, max=65535, help="The internal listener: redelivery, metrics, probes.")
]
DEFAULT_DATA_DIR = Path(".webhookcore")
DataDirOption = Annotated[
    Path, typer.Option(envvar="WEBHOOKCORE_DATA_DIR", help="Where `webhookcore run` keeps its data.")
]


@app.command()
def run(
    config: ConfigOption = None,
    port: PortOption = 8080,
    internal_port: InternalPortOption = 9090,
    host: Annotated[str, typer.Option(help="The address that both listeners bind.")] = "127.0.0.1",
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    examples: Annotated[
        bool,
        typer.Option("--examples/--no-examples", help="Start example services where routes point at this machine."),
    ] = True,
) -> None:
    """Run the whole system on this machine: Postgres, router, example services and jobs, until Ctrl-C.

    Without --config it takes examples/webhookcoreconfig.yaml. With DATABASE_URL it uses that Postgres instead of an
    embedded one. WA_APP_SECRET, WA_VERIFY_TOKEN and WA_ACCESS_TOKEN are used where set, else made once and kept in the
    data folder.

    Examples:
    * `webhookcore run`
    * `webhookcore run --config my.yaml --no-examples --data-dir /srv/webhookcore`
    """
    from webhookcore_cli import parts

    parts.run(config, host, port, internal_port, data_dir, examples=examples)


@app.command()
def router(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="The address that both listeners bind; empty: all.")] = "",
    port: PortOption = 8080,
    internal_port: InternalPortOption = 9090,
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="How long it still serves after SIGTERM: load balancers learn of it late.")
    ] = 5.0,
) -> None:
    """Run one router until SIGTERM, which drains it."""
    from webhookcore_cli import parts

    raise typer.Exit(parts.router(config, host, port, internal_port, drain_seconds))


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database to this release's schema. DATABASE_URL is enough."""
    from webhookcore_cli import parts

    raise typer.Exit(parts.migrate(config))


@app.command("dlq-processor")
def dlq_processor(config: ConfigOption = None) -> None:
    """Deliver again what is due in the dead letter queue: one run, one JSON line last."""
    from webhookcore_cli import parts

    raise typer.Exit(parts.dlq_processor(config))


@app.command("session-cleanup")
def session_cleanup(config: ConfigOption = None) -> None:
    """Delete stale sessions and what is past its retention: one run, one JSON line last."""
    from webhookcore_cli import parts

    raise typer.Exit(parts.session_cleanup(config))


def main() -> None:
    """The entry point: foreseeable trouble ends with its message and its exit code."""
    try:
        app()
    except TroubleError as trouble:
        sys.stderr.write(f"webhookcore: {trouble}\n")
        sys.exit(trouble.code)
