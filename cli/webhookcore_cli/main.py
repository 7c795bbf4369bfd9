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


@app.command()
def router(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="The address that both listeners bind.")] = "0.0.0.0",  # noqa: S104 - in a pod
    port: Annotated[int, typer.Option(help="The public listener: Meta's notifications.")] = 8080,
    internal_port: Annotated[int, typer.Option(help="The internal one: redelivery, metrics, probes.")] = 9090,
) -> None:
    """Run one router until SIGTERM, which drains it."""
    from webhookcore_cli import parts

    raise typer.Exit(parts.router(config, host, port, internal_port))


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
