"""What goes to a service, header by header."""

from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore import headers
from webhookcore.delivery.classify import TryAgain
from webhookcore.delivery.outcome import FailureCode
from webhookcore.settings import Route, SettingsError
from webhookcore.signature import sign
from webhookcore_router.outgoing import Delivery, RouteTarget, header_value

NOW = datetime(2025, 11, 24, 19, 0, 0, tzinfo=UTC)


def route(**fields: object) -> Route:
    return Route.model_validate({"name": "mobility", "url": "http://mobility.example.svc:8080/webhook", **fields})


def delivery(**fields: object) -> Delivery:
    given = {"body": b"{}", "attempt": 1, "idempotency_key": "k", "correlation_id": "c", "request_id": "r"}
    return Delivery(**{**given, "received_at": NOW, **fields})  # type: ignore[arg-type]


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=512))
def test_visible_ascii_goes_as_it_is(text: str) -> None:
    """Ids and keys arrive exactly as they are stored."""
    assert header_value(text) == text


@given(st.text(max_size=600))
def test_nothing_but_visible_ascii_comes_out(text: str) -> None:
    """Whatever a stranger chose: no line break, no control character, nothing beyond ASCII, bounded."""
    value = header_value(text)
    assert value.isascii()
    assert value == "" or value.isprintable()
    assert len(value) <= 512 * 12


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=512))
def test_what_is_encoded_can_be_decoded(text: str) -> None:
    """A menu key in another script is not lost: it is percent-encoded UTF-8."""
    value = header_value(text)
    assert text == value or unquote(value) == text


def test_a_signing_secret() -> None:
    """A route's secret signs each body."""
    secret_ref = {"name": "mobility", "key": "secret"}
    target = RouteTarget.of(route(secretRef=secret_ref), b"s3cret")
    request = target.request(delivery(body=b"one"), 1)
    assert request.headers[headers.SIGNATURE] == sign(b"one", b"s3cret")
    assert "Authorization" not in request.headers


def test_a_bearer_token() -> None:
    """With `use: Bearer` the secret goes into Authorization, without what files have around it, and signs nothing."""
    secret_ref = {"name": "mobility", "key": "secret", "use": "Bearer"}
    request = RouteTarget.of(route(secretRef=secret_ref), b" t0ken\n").request(delivery(), 1)
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert headers.SIGNATURE not in request.headers


@pytest.mark.parametrize("use", ["Signature", "Bearer"])
def test_a_route_without_its_secret(use: str) -> None:
    """Without a secret there is neither signature nor token."""
    for fields in ({}, {"secretRef": {"name": "mobility", "key": "secret", "use": use}}):
        request = RouteTarget.of(route(**fields), None).request(delivery(), 1)
        assert not request.headers.keys() & {"Authorization", headers.SIGNATURE}


def test_secrets_stay_out_of_sight() -> None:
    """A target's repr, which a traceback may show, holds no secret."""
    secret_ref = {"name": "mobility", "key": "secret"}
    assert "s3cret" not in repr(RouteTarget.of(route(secretRef=secret_ref), b"s3cret"))
    assert "s3cret" not in repr(RouteTarget.of(route(secretRef={**secret_ref, "use": "Bearer"}), b"s3cret"))


def test_the_route_says_what_is_tried_again() -> None:
    """`retry` and the address come from the settings."""
    target = RouteTarget.of(route(retry={"inRequest": 5, "never": [400, 503]}), None)
    assert (target.name, target.in_request, target.never) == ("mobility", 5, frozenset({400, 503}))
    assert str(target.url) == "http://mobility.example.svc:8080/webhook"


@pytest.mark.parametrize("url", ["http://[::1", "http://256.1.1.1/", "http://exa<mple.com/", "http://a:99999/"])
def test_a_url_that_cannot_be_used(url: str) -> None:
    """What looks like a URL and is none is a setting's error, with the route's name."""
    with pytest.raises(SettingsError, match="mobility"):
        RouteTarget.of(Route.model_construct(name="mobility", url=url), None)


def test_attempts_count() -> None:
    """The header follows the try, all else stays."""
    target = RouteTarget.of(route(), None)
    first, second = (dict(target.request(delivery(attempt=3), attempt).headers) for attempt in (3, 4))
    assert (first.pop(headers.ATTEMPT), second.pop(headers.ATTEMPT)) == ("3", "4")
    assert first == second


def test_a_services_answer_changes_nothing() -> None:
    """What a service writes into its answer may hold anything: it is not looked at."""
    failure = TryAgain(FailureCode.SERVER_ERROR, "answered 500", 500)
    assert RouteTarget.of(route(), None).judge(failure, b"text of a message") is failure
