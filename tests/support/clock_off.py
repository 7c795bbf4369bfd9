"""A process whose machine's wall clock is wrong: `python -m tests.support.clock_off SECONDS MODULE ARGUMENTS...`."""

import datetime as dt
import runpy
import sys
import time


def shift(seconds: float) -> None:
    """Moves every wall clock that Python code reads, the monotonic one stays. To be called before others import."""
    true_time, true_datetime = time.time, dt.datetime

    class Meta(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, true_datetime)

    class Shifted(true_datetime, metaclass=Meta):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return true_datetime.now(tz) + dt.timedelta(seconds=seconds)

    time.time = lambda: true_time() + seconds
    dt.datetime = Shifted  # type: ignore[misc]


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    module = sys.argv[2]
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
