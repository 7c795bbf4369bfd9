"""The secrets that the local mode makes once and keeps: whatever neither the environment nor a file gives."""

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from webhookcore_cli.local.data_folder import write_private
from webhookcore_cli.trouble import TroubleError

_LINE: Final = re.compile(r"^([A-Z][A-Z0-9_]*)=([\x21-\x7e]+)$")
_HEADING: Final = """\
# Made once by `webhookcore run`. The environment's values and files beside the config come first.
# In a shell: set -a; . ./secrets.env; set +a
"""


def read(path: Path) -> dict[str, str]:
    """The secrets of a file, none where there is no file. A line that is no NAME=value is told by its number."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise TroubleError(f"{path} cannot be read: {error}. Mend it, or remove it and new secrets are made.") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise TroubleError(
                f"{path}, line {number}: expected NAME=value. Nothing was changed. "
                "Mend the line, or remove the file and new secrets are made."
            )
        found[match[1]] = match[2]
    return found


def keep(path: Path, needed: Iterable[str]) -> Mapping[str, str]:
    """The file's secrets, with each of `needed` that was missing made and kept. Readable by the owner alone."""
    found = read(path)
    missing = [name for name in needed if name not in found]
    if missing:
        found |= {name: secrets.token_urlsafe(32) for name in missing}
        write_private(path, _HEADING + "".join(f"{name}={value}\n" for name, value in found.items()))
    return found
