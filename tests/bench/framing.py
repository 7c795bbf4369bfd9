"""Where an HTTP/1.1 message ends: as much of the protocol as both ends of the benchmark need."""

from typing import Final

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length: "


def complete(data: bytes) -> bool:
    """Whether a message is there to its end."""
    end = data.find(_END)
    if end < 0:
        return False
    head = data[: end + 2].lower()
    place = head.find(_LENGTH)
    if place < 0:
        return True
    start = place + len(_LENGTH)
    return len(data) >= end + len(_END) + int(head[start : head.index(b"\r", start)])
