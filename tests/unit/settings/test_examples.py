"""The example is a config that works, and a config can be written and read again."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.settings.configs import spec_of

from webhookcore.settings import WebhookCoreSpec, parse_config
from webhookcore.settings.render import render_config

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/webhookcoreconfig.yaml"
PAGE = ROOT / "docs/configuration.md"


@pytest.fixture(scope="module")
def example() -> WebhookCoreSpec:
    return parse_config(EXAMPLE.read_text(encoding="utf-8"), str(EXAMPLE))


def test_example(example: WebhookCoreSpec) -> None:
    """Three services on this machine, each in the menu, with keywords in several scripts and prefixes of its own."""
    assert {route.name: route.target_url for route in example.routes} == {
        "wa-webhook-mobility": "http://127.0.0.1:8091/webhook",
        "wa-webhook-insurance": "http://127.0.0.1:8092/webhook",
        "wa-webhook-jobs": "http://127.0.0.1:8093/webhook",
    }
    assert [route.menu.key for route in example.routes if route.menu] == ["1", "2", "3"]
    for route in example.routes:
        assert any(not keyword.isascii() for keyword in route.keywords)
        assert route.state_prefixes
        assert route.secret_ref is not None
    assert [route.accepts for route in example.routes] == [("audio", "voice"), (), ()]
    assert example.statuses.route == "wa-webhook-insurance"


def test_example_is_written_and_read_again(example: WebhookCoreSpec) -> None:
    """What is rendered reads as the same spec, and holds no default."""
    text = render_config(example, "webhook-core")
    assert parse_config(text, "rendered") == example
    assert "poolSize" not in text
    assert "name: webhook-core\n" in text


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=32)


@given(words, words, st.integers(1, 8760))
def test_any_spec_is_written_and_read_again(text: str, title: str, hours: int) -> None:
    """Whatever a text looks like (a number, a date, `no`, `~`), it is a text again."""
    spec = spec_of({})
    (route, *others) = spec.routes
    assert route.menu is not None
    menu = route.menu.model_copy(update={"title": title[:24]})
    spec = spec.model_copy(
        update={
            "home": spec.home.model_copy(update={"text": text}),
            "routes": (route.model_copy(update={"menu": menu}), *others),
            "sessions": spec.sessions.model_copy(update={"ttl_hours": hours}),
        }
    )
    assert parse_config(render_config(spec, "core"), "rendered") == spec


SUSPECTS = ["3", "no", "~", "null", "2024-01-01", "1:30", "<<", "=", "0x1F", "1e3", ".inf", "- a", "a: b", "#", "🚗"]


@pytest.mark.parametrize("text", SUSPECTS)
def test_texts_that_look_like_something_else(text: str) -> None:
    """The same, for the usual suspects."""
    spec = spec_of({})
    spec = spec.model_copy(update={"home": spec.home.model_copy(update={"keywords": (text,)})})
    assert parse_config(render_config(spec, "core"), "rendered").home.keywords == (text,)


WRONG = """\
apiVersion: webhookcore.io/v1alpha1
kind: WebhookCoreConfig
metadata: {name: webhook-core}
spec:
  whatsapp: {appSecretRef: {name: w, key: a}, verifyTokenRef: {name: w, key: b}, accessTokenRef: {name: w, key: c}}
  routes:
    - name: rides
      url: http://rides.example.svc/webhook
      menu: {key: "1", title: "Rides, taxis, motos and more"}
      keywords: [ride, taxi]
  sessions:
    ttlHour: 12
  # No route has this name:
  fallback: ride
"""


def test_the_pages_refusal_is_what_is_said() -> None:
    """The page shows the very lines that such a file gets."""
    shown = re.findall(r"^webhookcoreconfig\.yaml:\d+: .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    with pytest.raises(Exception, match="spec") as caught:
        parse_config(WRONG, "webhookcoreconfig.yaml")
    assert shown == str(caught.value).splitlines()
