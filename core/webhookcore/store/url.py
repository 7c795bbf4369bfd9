"""The database's URL, before anything is done with it."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from webhookcore.settings.database_url import MUST_BE, is_database_url


class UrlError(ValueError):
    """The database's URL is none. The message says what it must be, and quotes nothing: it may hold a password."""


def checked(url: str) -> str:
    """The URL without a line end behind it, as a file or a Secret may have one. Raises UrlError."""
    url = url.rstrip("\r\n")
    try:
        conninfo_to_dict(url)  # which parameters there are
    except psycopg.ProgrammingError:
        pass
    else:
        if is_database_url(url):
            return url
    raise UrlError(f"the database's URL cannot be read: it {MUST_BE}, and name only what libpq knows")
