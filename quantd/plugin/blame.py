"""Describes an error of a plugin in one line, with the line of the plugin's own code at which it happened."""

import asyncio
import inspect
import os
import sysconfig
from pathlib import Path
from traceback import walk_stack, walk_tb
from types import CodeType, FrameType

from quantd.errors import QuantdError

_CORE = f"{Path(__file__).parents[1]}{os.sep}"
_LONGEST = 1_000
"""Greatest number of characters of an error's text that is shown: some texts hold a whole table or a page of HTML."""
_SHARED = ("site-packages", "dist-packages")
_LIBRARY = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib"))
_LOOP = tuple(os.path.join(os.path.dirname(asyncio.__file__), name) for name in ("runners.py", "base_events.py", "events.py"))
_CALLERS = tuple(str(Path(__file__).with_name(name)) for name in ("guard.py", "watch.py"))
Line = tuple[CodeType, int]


class WrongAnswer(QuantdError):
    """A plugin's method returned an invalid value. The text names the method's place."""

    def __init__(self, method: object, answer: object, expected: str, *, name: str = "", of: type | None = None) -> None:
        """Describe an invalid answer. If `method` is not a function but an attribute of a class, `name` and `of` identify it."""
        self.place = code_place(method) if of is None or callable(method) else class_place(of)
        super().__init__(f"{name or getattr(method, '__qualname__', 'it')} returned {_short(answer)}: expected {expected} ({self.place})")


def blame(error: BaseException) -> str:
    """Return the error in one line, as `ValueError: text (file.py:12 in fit)`."""
    text = _text(error)
    if isinstance(error, WrongAnswer):
        return text
    return f"{type(error).__name__}{text and ': '}{text} ({place(error)})"


def fault_kind(error: BaseException) -> tuple[str, str]:
    """Return what identifies a kind of fault: the type of the error and the line it came from, whatever its text."""
    return type(error).__name__, place(error)


def place(error: BaseException) -> str:
    """Return `file:line in function` of an error; of a syntax error, the line that is wrong.

    The innermost line of the plugin: of the first file that is not quantd's own, or of one beside or below that. A plugin that hands
    nonsense to numpy is told its own line, not numpy's."""
    if isinstance(error, WrongAnswer):
        return error.place
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__) if not frame.f_code.co_filename.startswith("<frozen")]
    return _shown(_theirs(frames))


def place_in_loop(frame: FrameType | None) -> str:
    """Return `file:line in function` of what an event loop executes, given the innermost frame of its thread: the innermost line of the
    plugin that quantd calls. Without a guarded call, return the line of quantd, if there is one."""
    frames = [(each.f_code, line) for each, line in walk_stack(frame)][::-1] if frame else []
    loop = max((at for at, (code, _) in enumerate(frames) if code.co_filename in _LOOP), default=-1)
    ours = [each for each in frames[loop + 1 :] if not _is_of_python(each[0].co_filename)] or frames[-1:]
    call = max((at for at, (code, _) in enumerate(ours) if code.co_filename in _CALLERS), default=-1)
    if 0 <= call < len(ours) - 1:
        return _shown(_theirs(ours[call + 1 :]))
    return _shown([each for each in ours if each[0].co_filename.startswith(_CORE)] or _theirs(ours))


def _theirs(frames: list[Line]) -> list[Line]:
    """Return the lines of the first file that is not quantd's own, and of other files of the same plugin; all lines if there is no such
    file."""
    outside = next((code.co_filename for code, _ in frames if not code.co_filename.startswith(_CORE)), None)
    return [each for each in frames if _belongs(each[0].co_filename, outside)] if outside else frames


def _shown(frames: list[Line]) -> str:
    """Return the text of the last line."""
    return f"{frames[-1][0].co_filename}:{frames[-1][1]} in {frames[-1][0].co_name}" if frames else "no line known"


def _is_of_python(file: str) -> bool:
    """Return whether a file is of the standard library. Packages installed below its folder do not count."""
    return file.startswith("<frozen") or (file.startswith(_LIBRARY) and not any(f"{os.sep}{name}{os.sep}" in file for name in _SHARED))


def code_place(function: object) -> str:
    """Return `file:line in name` of a function or method."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno} in {code.co_name}" if code else "no line known"


def class_place(cls: type) -> str:
    """Return `file:line` of a class, as precisely as it can be found."""
    try:
        return f"{inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):
        own = [value for value in vars(cls).values() if inspect.isfunction(value)]
        return code_place(own[0]) if own else f"{cls.__module__}.{cls.__qualname__}"


def _belongs(file: str, plugin: str) -> bool:
    """Return whether a file belongs to the same plugin as the file `plugin`."""
    folder = os.path.dirname(plugin)
    return file == plugin or (os.path.basename(folder) not in _SHARED and file.startswith(f"{folder}{os.sep}"))


def _short(answer: object) -> str:
    try:
        text = repr(answer)
    except Exception:
        text = "what cannot be shown"
    return f"{text if len(text) <= 80 else text[:77] + '...'}, a {type(answer).__name__}" if answer is not None else "None"


def _text(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    try:
        text = " ".join(str(error).split())
    except Exception:
        return "its text cannot be made"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
