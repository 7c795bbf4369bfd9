"""What every integration test stands on: the Postgres of the test session."""

from collections.abc import Callable

import psycopg

from webhookcore_cli.local.postgres import EmbeddedPostgres


def test_a_database_is_migrated_utf8_and_its_own(database_url: str) -> None:
    """A test gets the schema, in UTF-8 whatever the machine's locale, and no row of another test."""
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SELECT count(*) FROM user_sessions").fetchone() == (0,)
        connection.execute("INSERT INTO user_sessions (phone_number) VALUES ('491701234567')")


def test_a_database_starts_empty_again(database_url: str) -> None:
    """The row that the test before wrote is not here."""
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM user_sessions").fetchone() == (0,)


def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    """For tests of the migrations themselves."""
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('user_sessions')").fetchone() == (None,)


def test_a_server_of_its_own_keeps_its_data_over_a_crash(own_postgres: Callable[..., EmbeddedPostgres]) -> None:
    """Stopped at once and started again, it has what was committed, at the same URL."""
    postgres = own_postgres(fsync="on")
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    postgres.stop(at_once=True)
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
