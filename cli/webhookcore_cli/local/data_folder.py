"""The data folder of the local mode: what it holds, who uses it now, and that it is nobody else's."""

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from webhookcore_cli.trouble import TroubleError

DEFAULT: Final = Path(".webhookcore")
VARIABLE: Final = "WEBHOOKCORE_DATA_DIR"
"""The environment variable that names another."""

POSTGRES: Final = "postgres"
SECRETS: Final = "secrets.env"
RUNNING: Final = "running.json"
LOCK: Final = "lock"
LOGS: Final = "logs"
CONFIG: Final = "config.yaml"
_OURS: Final = frozenset({POSTGRES, f"{POSTGRES}.new", SECRETS, RUNNING, LOCK, LOGS, CONFIG})


@dataclass(frozen=True, slots=True)
class Running:
    """What a run tells the other commands about itself."""

    pid: int
    url: str
    internal_url: str
    database_url: str = field(repr=False)
    source: str
    """The config that it was started with."""
    config: str
    """The copy of it that its parts read."""
    made: tuple[str, ...]
    """The secrets that come from the data folder."""
    secrets_dir: str
    socket_dir: str
    """Where the embedded Postgres listens; empty where there is none."""

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What the last run left; it may have been killed since."""
        try:
            return cls(**json.loads((folder / RUNNING).read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise TroubleError(f"{folder / RUNNING} cannot be read ({error}). Remove it, it is made anew.") from None


class DataFolder:
    """A data folder that this process alone uses, until `close`."""

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the folder, for its owner alone, or check it, and lock it. A folder that is not ours stays as it is."""
        path = path.absolute()
        try:
            _refuse_foreign(path)
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (path / LOCK).open("ab")
        except OSError as error:
            raise TroubleError(
                f"the data folder {path} cannot be used: {error.strerror} ({error.filename}). "
                "Choose another with --data-dir."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise TroubleError(
                f"the data folder {path} is in use by another run{_who(path)}. "
                "Stop that one with Ctrl-C, or choose another with --data-dir."
            ) from None
        folder = cls(path, lock)
        folder._remove_remains()
        folder.logs.mkdir(exist_ok=True)
        return folder

    @property
    def postgres(self) -> Path:
        return self.path / POSTGRES

    @property
    def logs(self) -> Path:
        return self.path / LOGS

    @property
    def secrets(self) -> Path:
        return self.path / SECRETS

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    def tell(self, running: Running) -> None:
        """Let the other commands find this run. Readable by the owner alone: DATABASE_URL may hold a password."""
        write_private(self.path / RUNNING, json.dumps(asdict(running), indent=2) + "\n")

    def close(self) -> None:
        (self.path / RUNNING).unlink(missing_ok=True)
        self._lock.close()

    def _remove_remains(self) -> None:
        """A run that was killed left its notice, and its socket's folder in the folder for temporary files."""
        notice = self.path / RUNNING
        try:
            remains = Path(json.loads(notice.read_text()).get("socket_dir") or "")
        except (OSError, ValueError, AttributeError):
            remains = Path()
        if remains.name.startswith("webhookcore-") and remains.parent != Path():
            shutil.rmtree(remains, ignore_errors=True)
        notice.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _refuse_foreign(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise TroubleError(f"{path} is no folder. Choose another with --data-dir.")
    names = {entry.name for entry in path.iterdir() if not entry.name.endswith(".draft")}
    if names and not names & _OURS:
        raise TroubleError(
            f"{path} holds other files ({', '.join(sorted(names)[:3])}) and no data of Webhook Core. "
            "Nothing was changed. Choose an empty or a new folder with --data-dir."
        )


def _who(path: Path) -> str:
    try:
        running = Running.read(path)
    except TroubleError:
        return ""
    return f" (pid {running.pid}, {running.url})" if running else ""
