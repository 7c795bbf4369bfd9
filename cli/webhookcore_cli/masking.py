"""How a phone number or user id is shown where nobody asked for it in the clear."""


def masked(number: str) -> str:
    """The country and the last two digits: enough to recognise one's own, not to call anybody."""
    if len(number) <= 6:  # noqa: PLR2004 - too short to leave anything out
        return "•" * len(number)
    return f"{number[:4]}{'•' * (len(number) - 6)}{number[-2:]}"
