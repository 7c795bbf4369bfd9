"""Signatures: only who holds a secret can make one, and nothing that a stranger sends raises."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.signature import FORWARD_MAX_AGE, FORWARD_MAX_SKEW, sign, sign_forward, verify, verify_forward

SECRET = b"app secret"
PREVIOUS = b"previous secret"
BODY = '{"a": "schön"}'.encode()
NOW = 1_732_456_800
HEADERS = st.text(st.characters(exclude_categories=[])) | st.from_regex(r"sha256=[0-9a-fA-F]{60,68}", fullmatch=True)
FORWARDS = st.text() | st.from_regex(r"t=[0-9]{1,13},v1=[0-9a-f]{62,66}", fullmatch=True)


def test_a_signature_is_metas() -> None:
    """HMAC-SHA256 over the raw body, in lower-case hex, as Meta documents X-Hub-Signature-256."""
    assert sign(BODY, SECRET) == "sha256=" + hmac.new(SECRET, BODY, hashlib.sha256).hexdigest()


@given(st.binary(), st.binary(min_size=1), st.binary(min_size=1))
def test_who_holds_a_secret_is_believed(body: bytes, secret: bytes, other: bytes) -> None:
    """With the current secret and with the previous one, in whatever order they are given."""
    assert verify(body, sign(body, secret), [secret])
    assert verify(body, sign(body, secret), [other, secret])
    assert verify(body, sign(body, secret), [secret, other])


@given(st.binary(), st.binary(min_size=1), st.binary(min_size=1))
def test_nobody_else_is(body: bytes, secret: bytes, other: bytes) -> None:
    """Neither with another secret nor for another body."""
    # HMAC pads a short key with zeros: two keys that differ by that alone are one key.
    if secret.rstrip(b"\0") != other.rstrip(b"\0"):
        assert not verify(body, sign(body, other), [secret])
    assert not verify(body + b" ", sign(body, secret), [secret])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        sign(BODY, SECRET).upper(),
        sign(BODY, SECRET).replace("sha256", "SHA256"),
        "sha256=" + sign(BODY, SECRET)[7:].upper(),
        sign(BODY, SECRET)[7:],
        sign(BODY, SECRET)[:-1],
        sign(BODY, SECRET) + "0",
        sign(BODY, SECRET) + "\n",
        " " + sign(BODY, SECRET),
        sign(BODY, SECRET) + ", " + sign(BODY, SECRET),
        sign(BODY, SECRET) + "," + sign(BODY, PREVIOUS),
        sign(BODY, SECRET).replace("=", "\uff1d"),
        "sha1=" + hmac.new(SECRET, BODY, hashlib.sha1).hexdigest(),
        "sha256=" + "0" * 64,
        "sha256=" + "é" * 64,
        "sha256=\ud800",
        "\0" * 71,
    ],
)
def test_anything_but_the_exact_header_is_refused(header: str | None) -> None:
    """Missing, cut, doubled, of another case, not ASCII: refused, and never an error."""
    assert not verify(BODY, header, [SECRET, PREVIOUS])


@given(HEADERS)
def test_no_header_raises(header: str) -> None:
    """Whatever stands in it."""
    assert not verify(BODY, header, [SECRET])
    assert not verify_forward(BODY, header, SECRET, NOW)


@pytest.mark.parametrize("secrets", [[], [b""], [b"", b""]])
def test_without_a_secret_nobody_is_believed(secrets: list[bytes]) -> None:
    """A missing setting closes the door: anybody can sign with an empty secret."""
    assert not verify(BODY, sign(BODY, b""), secrets)


def test_an_empty_previous_secret_harms_nothing() -> None:
    """The current one still counts, the empty one does not."""
    assert verify(BODY, sign(BODY, SECRET), [SECRET, b""])
    assert not verify(BODY, sign(BODY, b""), [SECRET, b""])


@pytest.mark.parametrize("age", [-FORWARD_MAX_SKEW, 0, 1, FORWARD_MAX_AGE])
def test_an_internal_signature_is_good_for_five_minutes(age: int) -> None:
    """And for a little before its time, since two clocks never agree."""
    header = sign_forward(BODY, SECRET, NOW)
    assert header == f"t={NOW},v1={hmac.new(SECRET, f'{NOW}.'.encode() + BODY, hashlib.sha256).hexdigest()}"
    assert verify_forward(BODY, header, SECRET, NOW + age)


@pytest.mark.parametrize("age", [-FORWARD_MAX_SKEW - 1, FORWARD_MAX_AGE + 1, -NOW, 10**12])
def test_an_internal_signature_outside_its_time_is_refused(age: int) -> None:
    """A recorded redelivery cannot be played again later."""
    assert not verify_forward(BODY, sign_forward(BODY, SECRET, NOW), SECRET, NOW + age)


def forged(signed_at: str) -> str:
    """A correct HMAC over a time that is written in another way."""
    return f"t={signed_at},v1={hmac.new(SECRET, signed_at.encode() + b'.' + BODY, hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        sign(BODY, SECRET),
        sign_forward(BODY, PREVIOUS, NOW),
        sign_forward(BODY + b" ", SECRET, NOW),
        sign_forward(BODY, SECRET, NOW).replace(str(NOW), str(NOW + 1)),
        sign_forward(BODY, SECRET, NOW).upper(),
        sign_forward(BODY, SECRET, NOW) + "\n",
        sign_forward(BODY, SECRET, NOW) + ",v1=" + "0" * 64,
        sign_forward(BODY, SECRET, NOW).replace("t=", "t= "),
        forged(f"0{NOW}"),
        forged(f"+{NOW}"),
        forged("١٧٣٢٤٥٦٨٠٠"),
        forged("-1"),
        forged("1" * 5000),
    ],
)
def test_a_forged_internal_signature_is_refused(header: str | None) -> None:
    """One way to write it, made with the internal secret, over this body and this time."""
    assert not verify_forward(BODY, header, SECRET, NOW)


def test_an_empty_internal_secret_proves_nothing() -> None:
    """As with Meta's."""
    assert not verify_forward(BODY, sign_forward(BODY, b"", NOW), b"", NOW)


@given(st.binary(), st.binary(min_size=1), st.integers(0, 10**12 - 1))
def test_what_is_signed_is_believed(body: bytes, secret: bytes, now: int) -> None:
    """Any body, at any time."""
    assert verify_forward(body, sign_forward(body, secret, now), secret, now)


@given(FORWARDS)
def test_no_internal_header_raises(header: str) -> None:
    """Whatever stands in it."""
    assert not verify_forward(BODY, header, SECRET, NOW)
