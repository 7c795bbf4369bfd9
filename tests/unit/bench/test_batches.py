"""How long a batch held its locks, read from Postgres's log."""

from tests.bench.figures.cleanup import batches

LOG = """\
2025-11-24 12:22:15.258 UTC [37] LOG:  duration: 0.210 ms  bind _pg3_6: -- The age is checked by the DELETE itself.
\tWITH gone AS (
\t    DELETE FROM user_sessions
2025-11-24 12:22:15.259 UTC [37] LOG:  duration: 1.250 ms  execute _pg3_6: -- The age is checked by the DELETE itself.
\tWITH gone AS (
\t    DELETE FROM user_sessions
\t    WHERE ctid >= $1::tid
2025-11-24 12:22:15.259 UTC [37] DETAIL:  Parameters: $1 = '(0,0)'
2025-11-24 12:22:15.260 UTC [38] LOG:  duration: 3.000 ms  execute _pg3_6: DELETE FROM user_sessions
2025-11-24 12:22:15.260 UTC [37] LOG:  duration: 0.003 ms  bind <unnamed>: COMMIT
2025-11-24 12:22:15.260 UTC [37] LOG:  duration: 0.500 ms  execute <unnamed>: COMMIT
2025-11-24 12:22:15.261 UTC [39] LOG:  duration: 9.000 ms  execute <unnamed>: COMMIT
2025-11-24 12:22:15.262 UTC [38] LOG:  duration: 0.250 ms  execute <unnamed>: COMMIT
"""


def test_a_batch_lasts_from_its_delete_to_its_commit() -> None:
    """Each process's own, whatever the others do in between; what deletes no session is no batch."""
    assert batches(LOG) == [1.75, 3.25]
