"""Which image runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.settings import Image
from webhookcore_operator.render import effective_image

DIGEST = f"sha256:{'0a' * 32}"


@pytest.mark.parametrize(
    ("repository", "tag", "own", "expected"),
    [
        ("", "", "reg.example/core:1", "reg.example/core:1"),
        ("", "", f"reg.example/core:1@{DIGEST}", f"reg.example/core:1@{DIGEST}"),
        ("", "", "core", "core"),
        ("", "2", "reg.example/core:1", "reg.example/core:2"),
        ("", "2", "reg.example:5000/core", "reg.example:5000/core:2"),
        # The operator's digest is another tag's.
        ("", "2", f"reg.example/core:1@{DIGEST}", "reg.example/core:2"),
        ("mirror/core", "2", "reg.example/core:1", "mirror/core:2"),
        # A mirror of the operator's own image.
        ("mirror/core", "", "reg.example/core:1", "mirror/core:1"),
        ("mirror/core", "", f"reg.example/core:1@{DIGEST}", "mirror/core:1"),
        ("mirror/core", "", f"reg.example/core@{DIGEST}", f"mirror/core@{DIGEST}"),
        ("mirror/core", "", "core", "mirror/core"),
        ("mirror:5000/core", "", "localhost:5000/core:1", "mirror:5000/core:1"),
        # The operator's own repository, said aloud.
        ("reg.example/core", "", f"reg.example/core:1@{DIGEST}", f"reg.example/core:1@{DIGEST}"),
    ],
)
def test_effective(repository: str, tag: str, own: str, expected: str) -> None:
    """What the spec leaves empty is the operator's own."""
    assert effective_image(Image(repository=repository, tag=tag), own) == expected


@given(st.from_regex(r"[a-z0-9]+(:[0-9]{4})?(/[a-z0-9]+){1,3}(:[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?", fullmatch=True))
def test_named_whole(own: str) -> None:
    """Where the spec names an image whole, the operator's own is no matter."""
    assert effective_image(Image(repository="a/b", tag="c"), own) == "a/b:c"
