"""Whether a port is free, and who has it."""

import errno
import socket
from pathlib import Path
from typing import Final

_LISTENING: Final = "0A"


def check_free(host: str, port: int) -> str | None:
    """None where `port` can be listened on, else what stands in the way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"port {port} is taken{_owner(port)}"
            return f"port {port} on {host} cannot be used: {error.strerror}"
    return None


def _owner(port: int) -> str:
    """The end of a sentence: by which program, as far as this user may see it."""
    inodes = _listening_inodes(port)
    if not inodes:
        return ""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in wanted for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f" by {name} (pid {process.name})"
        except OSError:
            continue  # another user's process, or one that has just ended
    return " by a process of another user"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue  # no procfs, or no IPv6
        for row in rows:
            fields = row.split()
            if fields[3] == _LISTENING and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(fields[9])
    return inodes
