"""Errors that an operator reads: what is wrong, where, and what to do."""

from msgspec import Struct


class QuantdError(Exception):
    """Something the operator can mend; its text says what, where and what to do. The CLI prints it without a traceback."""


class Mistake(Struct, frozen=True):
    """One mistake in a config file.

    >>> print(Mistake("quantd.yaml", 3, 5, "pairs[0]", "unknown pipeline 'kalmann'", "kalman"))
    quantd.yaml:3:5: pairs[0]: unknown pipeline 'kalmann' (did you mean 'kalman'?)
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f" (did you mean {self.suggestion!r}?)" if self.suggestion else ""
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.message}{hint}"


class ConfigError(QuantdError):
    """Every mistake found in the config."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes
