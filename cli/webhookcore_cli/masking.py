"""How a phone number or user id is shown where nobody asked for it in the clear."""

from typing import Final

_BEGINNING: Final = 4
_END: Final = 2
_HIDDEN: Final = 4
"""At least so many characters in between."""


def masked(number: str) -> str:
    """The country and the last two digits: enough to recognise one's own, not to call anybody."""
    beginning = min(_BEGINNING, len(number) - _HIDDEN - _END)
    if beginning < 0:
        return "•" * len(number)
    return f"{number[:beginning]}{'•' * (len(number) - beginning - _END)}{number[-_END:]}"
