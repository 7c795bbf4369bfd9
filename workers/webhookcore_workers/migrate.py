"""The job `migrate`: brings the database to this release's schema."""

import signal
import time
from types import FrameType
from typing import NoReturn

from webhookcore.store.migrate import DatabaseAway, SchemaRefused, migrate
from webhookcore.store.schema import SchemaStatus
from webhookcore_workers.result import Exit, print_result, say


def main(database_url: str | None) -> int:
    """Migrates, prints the result and returns the exit code.

    SIGTERM ends it at once: the migration under way is undone, those before it stay.
    """
    # Without a handler, a container's first process ignores SIGTERM; psycopg cancels its statement on this one.
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        result, code = _migrate(database_url), Exit.WORKED
    except SchemaRefused as error:
        result, code = {"success": False, "error": str(error)}, Exit.CONFIGURATION
    except DatabaseAway as error:
        result, code = {"success": False, "error": str(error)}, Exit.TRY_AGAIN
    except KeyboardInterrupt:
        result, code = {"success": False, "error": "interrupted"}, Exit.TRY_AGAIN
    print_result(result | {"durationMs": round((time.monotonic() - started) * 1000)})
    return code


def _migrate(database_url: str | None) -> dict[str, object]:
    if database_url is None:
        raise SchemaRefused("no database is named: set DATABASE_URL or spec.database.urlSecretRef")
    migrated = migrate(database_url, say=say)
    result: dict[str, object] = {"success": True, "applied": list(migrated.applied), "schema": migrated.state.status}
    if migrated.state.status is SchemaStatus.NEWER:
        result["warning"] = f"nothing changed: the schema is {migrated.state.problem}"
        say(f"warning: {result['warning']}")
    return result


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
