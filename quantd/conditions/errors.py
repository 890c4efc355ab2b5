"""The mistakes of a condition, each at its word."""


class WrongCondition(ValueError):
    """A text is no condition, or a condition has no meaning for what it watches. `begin` and `end` are the word's place in the text,
    counted from 0."""

    def __init__(self, message: str, begin: int, end: int, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.begin = begin
        self.end = max(end, begin + 1)
        self.suggestion = suggestion
        """The word that was probably meant."""

    def __str__(self) -> str:
        return f"column {self.begin + 1}: {self.message}"


def pointed(text: str, error: WrongCondition) -> str:
    """Return the text, a line with carets below the wrong word, and the message.

    >>> print(pointed("zscore > two", WrongCondition("expected a number", 9, 12)))
    zscore > two
             ^^^ expected a number
    """
    hint = f" (did you mean {error.suggestion!r}?)" if error.suggestion else ""
    return f"{text}\n{' ' * error.begin}{'^' * (error.end - error.begin)} {error.message}{hint}"
