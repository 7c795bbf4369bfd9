"""Why a hook failed."""


class HookError(Exception):
    """What was wrong, and where. `final`: it will not get better by itself."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final
