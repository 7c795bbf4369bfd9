"""A process whose machine's wall clock is wrong: `python -m tests.support.clock_off SECONDS MODULE ARGUMENTS...`."""

import datetime as clock
import runpy
import sys
import time


def shift(seconds: float) -> None:
    """Moves every wall clock that Python code reads, the monotonic one stays. To be called before others import."""
    true_time, true_datetime = time.time, clock.datetime

    class Meta(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, true_datetime)

    class Shifted(true_datetime, metaclass=Meta):
        @classmethod
        def now(cls, tz: clock.tzinfo | None = None) -> clock.datetime:  # type: ignore[override]
            return true_datetime.now(tz) + clock.timedelta(seconds=seconds)

    time.time = lambda: true_time() + seconds
    clock.datetime = Shifted  # type: ignore[misc]


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    module = sys.argv[2]
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
