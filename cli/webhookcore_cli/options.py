"""Options that several commands take."""

from pathlib import Path
from typing import Annotated, Final

import typer

from webhookcore_cli.local import data_folder

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="WEBHOOKCORE_CONFIG", help="The file with the WebhookCoreConfig."),
]
TolerateOption = Annotated[
    bool, typer.Option("--tolerate-unknown", help="Warn of unknown fields: the config may be a newer release's.")
]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The public listener: Meta's notifications.")]
InternalPortOption = Annotated[
    int, typer.Option(min=1, max=65535, help="The internal listener: redelivery, metrics, probes.")
]
DEFAULT_DATA_DIR: Final = data_folder.DEFAULT
DataDirOption = Annotated[
    Path, typer.Option(envvar=data_folder.VARIABLE, help="Where `webhookcore run` keeps its data.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Show phone numbers, message ids and the message itself in the clear.")
]
RouteOption = Annotated[str | None, typer.Option(help="Only this route's.")]
SinceOption = Annotated[str | None, typer.Option(help="Made at or after: 2025-11-24T19:00 (UTC), or 30m, 2h, 7d ago.")]
UntilOption = Annotated[str | None, typer.Option(help="Made before; written like --since.")]
NamespaceOption = Annotated[str, typer.Option(envvar="POD_NAMESPACE", help="The namespace; in a pod its own.")]
WaitOption = Annotated[float, typer.Option(min=1, help="Seconds to wait for what is only about to be there.")]
