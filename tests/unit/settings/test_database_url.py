"""What is taken for a database's URL, and what is not because of its password."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.settings.database_url import is_database_url

ODD = "p@ss/w:o%r?d#' &é"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@db/shop",
        "postgres://user:secret@db.example.com:5432/shop?sslmode=verify-full&application_name=x",
        f"postgresql://{quote(ODD, safe='')}:{quote(ODD, safe='')}@db/shop",
        "postgresql://user:a:b@db/shop",
        "postgresql://user@db",
        "postgresql://:secret@db/",
        "postgresql://db",
        "postgresql:///shop",
        "postgresql://",
        "postgresql:///shop?host=/var/run/postgresql&options=-c%20statement_timeout%3D60s",
        "postgresql://user:secret@%2Fvar%2Frun/shop",
        "postgresql://user:secret@[2001:db8::1]:5432/shop",
        "postgresql://user:secret@one:5432,two:5433,three/shop?target_session_attrs=read-write",
        "host=db user=shop password=secret dbname=shop",
        r"host = db  password = 'with \' and blanks'",
        "host=db password=",
        "host=db password=http://x",
    ],
)
def test_urls(url: str) -> None:
    """The forms that libpq has."""
    assert is_database_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop",
        "//user:secret@db/shop",
        "postgresql//user:secret@db/shop",
        "mysql://user:secret@db/shop",
        "postgresql://user:100%sure@db/shop",
        "postgresql://user:p@ss@db/shop",
        "postgresql://user:pa/ss@db/shop",
        "postgresql://user:1/ss@db/shop",
        "postgresql://user:1/s?s@db/shop",
        "postgresql://user:se cret@db/shop",
        "postgresql://user:secret@db:port/shop",
        "postgresql://user:secret@db/shop\n",
        "host=db password='no end",
        "host=db password=se cret",
        "host=db, user",
    ],
)
def test_what_is_none(url: str) -> None:
    """Above all those that libpq reads as another host, and those whose parts it quotes."""
    assert not is_database_url(url)


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_password_that_is_encoded(user: str, password: str) -> None:
    """All of them can be written."""
    user, password = (quote(text, safe="", errors="replace") for text in (user, password))
    assert is_database_url(f"postgresql://{user}:{password}@db:5432/shop")


@given(st.text(), st.sampled_from("@/%"), st.text())
def test_a_password_that_is_not(before: str, special: str, after: str) -> None:
    """What would end it too early, or is no code."""
    after = after.lstrip("0123456789abcdefABCDEF")
    assert not is_database_url(f"postgresql://user:x{before}{special}{after}@db/shop")
