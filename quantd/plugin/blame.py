"""Says in one line what went wrong in a plugin, and where."""

from traceback import walk_tb


def blame(error: BaseException) -> str:
    """`ValueError: text (file.py:12 in fit)`: the innermost frame outside of Python's import system."""
    text = _text(error)
    return f"{type(error).__name__}{text and ': '}{text} ({place(error)})"


def fault_kind(error: BaseException) -> tuple[str, str]:
    """What makes two faults the same: the type of the error and the line it came from, whatever its text says."""
    return type(error).__name__, place(error)


def place(error: BaseException) -> str:
    """`file:line in function`; of a syntax error, the line that is wrong."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__) if not frame.f_code.co_filename.startswith("<frozen")]
    if not frames:
        return "no line known"
    code, line = frames[-1]
    return f"{code.co_filename}:{line} in {code.co_name}"


def _text(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    try:
        return str(error)
    except Exception:
        return "its text cannot be made"
