"""Checks a plugin class against its kind, as far as possible without an instance."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import msgspec

from quantd.plugin.base import DaemonJob, EventBars, Job, PairJob, Plugin, Resampler
from quantd.plugin.blame import WrongAnswer, class_place, code_place
from quantd.timeframes import timeframe

_WINDOW = 60
Flaws = Iterator[tuple[str, Callable[..., Any] | None]]
"""Each flaw as text, with the function that has it, if there is one."""


def flaws(cls: type[Plugin], base: type[Plugin]) -> list[str]:
    """Return the flaws of a plugin class of the kind `base`, each with its file and line."""
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        return [f"{cls.__name__} lacks {missing} ({class_place(cls)})"]
    found = [*_methods(cls, base), *_constants(cls, base), *_fields(cls)]
    if issubclass(cls, Job):
        found += _job(cls)
    return [f"{text} ({code_place(function) if function else class_place(cls)})" for text, function in found]


def demand_answers(plugin: Any) -> None:
    """Call the methods of a configured plugin that the core calls while the plugin is built. Raises WrongAnswer."""
    if isinstance(plugin, Resampler):
        _demand(type(plugin), "base", plugin.base, _is_timeframe, "a timeframe, like 1s")
    elif isinstance(plugin, EventBars):
        _demand(type(plugin), "label", plugin.label, _is_label, "a text that is no timeframe, the `every` of its bars")
    elif isinstance(plugin, PairJob):
        _demand(type(plugin), "bars_needed", plugin.bars_needed(_WINDOW), _is_count, "a whole number of bars, 1 or more")


def _demand(cls: type[Plugin], name: str, answer: object, fits: Callable[[object], bool], expected: str) -> None:
    if not fits(answer):
        method = getattr(cls, name)
        raise WrongAnswer(getattr(method, "fget", method), answer, expected, name=f"{cls.__name__}.{name}", of=cls)


def _is_timeframe(answer: object) -> bool:
    try:
        return isinstance(answer, str) and bool(timeframe(answer))
    except ValueError:
        return False


def _is_label(answer: object) -> bool:
    return isinstance(answer, str) and bool(answer) and not _is_timeframe(answer)


def _is_count(answer: object) -> bool:
    return isinstance(answer, int) and answer >= 1


def _methods(cls: type[Plugin], base: type[Plugin]) -> Flaws:
    """Yield the flaws of the methods that the core calls, called as the core calls them."""
    for owner in _kinds_of(cls, base):
        for name, ours in vars(owner).items():
            theirs = inspect.getattr_static(cls, name, ours)
            if name.startswith("_") or theirs is ours or name in owner.__struct_fields__:
                continue
            if name in cls.__struct_fields__ and (inspect.isfunction(ours) or isinstance(ours, property)):
                yield f"its field {name!r} hides what quantd calls by that name: rename it", None
            elif isinstance(ours, property):
                yield from _property(name, theirs)
            elif inspect.isfunction(ours):
                yield from _method(cls, name, ours, theirs)


def _kinds_of(cls: type[Plugin], base: type[Plugin]) -> Iterator[type[Plugin]]:
    """Yield quantd's own base classes from which a plugin derives."""
    own = (PairJob, DaemonJob, *(each for each in base.__mro__ if isinstance(each, type) and issubclass(each, Plugin)))
    return (each for each in cls.__mro__ if each in own and each is not cls)


def _property(name: str, theirs: object) -> Flaws:
    if inspect.isfunction(theirs):
        yield f"{name} is asked, not called: put @property above it", theirs


def _method(cls: type[Plugin], name: str, ours: Callable[..., Any], theirs: object) -> Flaws:
    bound = not isinstance(theirs, staticmethod)
    called = theirs.__func__ if isinstance(theirs, (staticmethod, classmethod)) else theirs
    if not callable(called):
        kind = "a property" if isinstance(called, property) else f"{type(called).__name__}"
        yield f"{name} must be a method, and is {kind}", None
        return
    for text in (_arguments(ours, called, bound=bound), _way(ours, called)):
        if text:
            yield f"{name} {text}", called


def _arguments(ours: Callable[..., Any], called: Callable[..., Any], *, bound: bool) -> str | None:
    """Return how the parameters differ from the arguments of the call; None if they accept them."""
    wanted = list(inspect.signature(ours).parameters)
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*wanted[0 if bound else 1 :])
    except TypeError:
        takes = [each.replace(annotation=each.empty) for each in signature.parameters.values()][1 if bound else 0 :]
        return f"is called with ({', '.join(wanted[1:])}), but takes {inspect.Signature(takes)}"
    return None


def _way(ours: Callable[..., Any], called: Callable[..., Any]) -> str | None:
    """Return how the function must be awaited, iterated or called, if it differs from the base class."""
    streams = str(inspect.signature(ours).return_annotation).startswith(("collections.abc.AsyncIterator", "typing.AsyncIterator"))
    if inspect.iscoroutinefunction(ours) and not inspect.iscoroutinefunction(called):
        return "is awaited: write `async def`, without `yield`"
    if streams and (inspect.iscoroutinefunction(called) or inspect.isgeneratorfunction(called)):
        return "is iterated: write `async def`, and `yield` in it"
    if streams or inspect.iscoroutinefunction(ours):
        return None
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        return "is called without `await`: write `def`"
    if inspect.isgeneratorfunction(called):
        return "is to `return`, not to `yield`"
    return None


def _constants(cls: type[Plugin], base: type[Plugin]) -> Flaws:
    """Yield the flaws of class attributes such as `channels` of a feed."""
    for owner in _kinds_of(cls, base):
        for name, hint in get_type_hints(owner, include_extras=True).items():
            if get_origin(hint) is not ClassVar or name not in vars(owner).get("__annotations__", {}) or not hasattr(cls, name):
                continue
            (kind,) = get_args(hint)
            value = getattr(cls, name)
            if not _is_of(value, kind):
                yield f"{name} is {value!r}, and must be {_named(kind)}", None


def _fields(cls: type[Plugin]) -> Flaws:
    for owner in cls.__mro__[: cls.__mro__.index(Plugin)]:
        hidden = set(cls.__struct_fields__) & set(vars(owner)) - set(vars(owner).get("__annotations__", {}))
        for name in sorted(name for name in hidden if not inspect.ismemberdescriptor(vars(owner)[name])):
            yield f"{name} = ... hides the setting {name!r}: write its type, too, as in `{name}: int = ...`", None
    try:
        fields = msgspec.structs.fields(cls)
    except Exception as error:  # evaluating an annotation may raise anything
        yield f"its fields cannot be read: {type(error).__name__}: {error}", None
        return
    for field in fields:
        if text := _default_flaw(field):
            yield f"the default of its field {field.name!r} {text}", None


def _default_flaw(field: msgspec.structs.FieldInfo) -> str | None:
    if field.required:
        return None
    try:
        value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    except Exception as error:
        return f"cannot be made: {type(error).__name__}: {error}"
    try:
        msgspec.convert(msgspec.to_builtins(value), field.type)
    except msgspec.ValidationError as error:
        return f"is {value!r}: {str(error)[:1].lower()}{str(error)[1:]}"
    except Exception:  # a custom type that msgspec can neither encode nor decode
        return None
    return None


def _job(cls: type[Job]) -> Flaws:
    if not issubclass(cls, (PairJob, DaemonJob)):
        yield "derive it from quantd.PairJob or quantd.DaemonJob", None
    elif issubclass(cls, PairJob):
        yield from _metrics(cls)


def _metrics(cls: type[PairJob]) -> Flaws:
    metrics = getattr(cls, "metrics", None)
    if not isinstance(metrics, tuple) or not metrics or not all(isinstance(name, str) for name in metrics):
        given = "" if metrics is None else f", which are {metrics!r}"
        yield f"it names no metrics{given}: write metrics = ('name', ...), what `run` returns", None
        return
    for name, known in (("words", metrics), ("states", cls.words), ("ranges", set(metrics) - set(cls.words))):
        stray = sorted(set(getattr(cls, name)) - set(known))
        if stray:
            what = {"words": "metrics", "states": "words", "ranges": "metrics that are numbers"}[name]
            yield f"its {name} name {', '.join(map(repr, stray))}, which are none of its {what}", None


def _is_of(value: object, kind: Any) -> bool:
    whole = get_origin(kind) or kind
    if whole in (tuple, bool, int) and not isinstance(value, whole):
        return False
    try:
        msgspec.convert(msgspec.to_builtins(value), kind)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


def _named(kind: Any) -> str:
    """Return a type as it is written in code."""
    if isinstance(kind, type) and not get_args(kind):
        return kind.__name__
    text = str(kind)
    for module in ("collections.abc.", "typing.", "quantd.plugin.base."):
        text = text.replace(module, "")
    return text
