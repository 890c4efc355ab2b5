"""Finds plugins and fills the registry. An error in one module becomes a fault of that module and does not affect the others."""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pluggy

from quantd.plugin import hookspecs
from quantd.plugin.base import Plugin
from quantd.plugin.blame import blame
from quantd.plugin.hookspecs import PROJECT
from quantd.plugin.registry import KINDS, Fault, Registry

_HOOKS = {f"register_{kind}s": kind for kind in KINDS}


def load(dirs: Sequence[Path] = (), disable: Collection[str] = ()) -> Registry:
    """Load the entry points of the group `quantd`, by name, then every `*.py` directly in each of `dirs`, by name.

    A file whose name begins with `_` or `.` is passed over. Every one of `dirs` must be there: a missing one is a fault, so a caller
    leaves out a default that does not exist. `disable` holds names of plugins (`ols`, or `regression:ols`), of entry points and of
    drop-in files (without `.py`); a module disabled by name is not imported. Never raises: what went wrong is in `faults`.
    """
    loader = _Loader(dirs, disable)
    loader.load_entry_points()
    for folder in dirs:
        loader.load_folder(folder)
    loader.report_idle_disables()
    return loader.registry


class _Loader:
    def __init__(self, dirs: Sequence[Path], disable: Collection[str]) -> None:
        self.registry = Registry(dirs, disable)
        self._disable = frozenset(disable)
        self._idle = set(disable)
        self._sources: dict[str, str] = {}

    def load_entry_points(self) -> None:
        with self._faults_of("installed packages"):
            for point in sorted(metadata.entry_points(group=PROJECT), key=lambda point: (point.name, point.value)):
                with self._faults_of(point.value):
                    dist = f" ({point.dist.name} {point.dist.version})" if point.dist else ""
                    self._load(point.name, f"entry point {point.name!r}", point.value + dist, point.load)

    def load_folder(self, folder: Path) -> None:
        if not os.path.isdir(folder):  # unlike Path.is_dir, no error for a name too long
            self._fault(str(folder), "no such directory: create it or take it out of `plugins.dirs`")
            return
        with self._faults_of(str(folder)):
            for path in sorted(folder.glob("*.py")):
                if path.name[0] not in "._" and not path.is_dir():
                    module = f"quantd_dropin_{path.stem}"
                    self._load(path.stem, f"module name {module!r}", str(path), partial(_execute, module, path))

    def report_idle_disables(self) -> None:
        for name in sorted(self._idle):
            self._fault("plugins.disable", f"{name!r} names no plugin, entry point or drop-in: take it out or mend its spelling")

    def _load(self, name: str, identity: str, source: str, find: Callable[[], object]) -> None:
        """Load one module, unless it is disabled or its identity is already taken."""
        if self._disabled(name):
            return
        if taken := self._sources.get(identity):
            self._fault(source, f"{identity} is taken by {taken}: this one is not loaded; rename or remove one of them")
            return
        self._sources[identity] = source
        with self._faults_of(source):
            self._register(find(), source)

    def _register(self, module: object, source: str) -> None:
        """Call each hook of the module separately. A pluggy manager of its own keeps the module apart from others."""
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(module, source)
        faults, offered = len(self.registry.faults), list[str]()
        for hook in manager.get_hookcallers(module) or ():
            if hook.name in _HOOKS:
                with self._faults_of(source):
                    hook(register=self._registrar(_HOOKS[hook.name], source, offered))
            elif not all(implementation.optionalhook for implementation in hook.get_hookimpls()):
                self._fault(source, f"there is no hook {hook.name!r}: did you mean {_nearest(hook.name)!r}?")
        if not offered and len(self.registry.faults) == faults:
            self._fault(source, "registers nothing: mark its register_... functions with @quantd.hookimpl, and call `register` in them")

    def _registrar(self, kind: str, source: str, offered: list[str]) -> Callable[[str, type[Plugin]], None]:
        """Return the `register` function that a hook is called with. It notes each name in `offered`."""

        def register(name: str, plugin: type[Plugin], /) -> None:
            offered.append(name)
            if self._disabled(name, f"{kind}:{name}"):
                return
            try:
                self.registry.add(kind, name, plugin, source)
            except ValueError as error:
                self._fault(source, str(error))

        return register

    def _disabled(self, *names: str) -> bool:
        self._idle.difference_update(names)
        return not self._disable.isdisjoint(names)

    def _fault(self, source: str, message: str) -> None:
        self.registry.faults.append(Fault(source, message))

    @contextmanager
    def _faults_of(self, source: str) -> Iterator[None]:
        """Turn any exception raised inside into a fault, except KeyboardInterrupt."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fault(source, blame(error))


def _execute(name: str, path: Path) -> ModuleType:
    """Run a file as the module `name`. The module is in `sys.modules` from the start, since annotations and pickles look there."""
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _nearest(name: str) -> str:
    return get_close_matches(name, _HOOKS, n=1, cutoff=0.0)[0]
