"""Real modules on disk, loaded for real: each kind of damage is one fault and leaves the others working."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest

import quantd
from quantd.plugin.loader import load
from quantd.plugin.registry import Registry

GOOD = """
    from __future__ import annotations
    from typing import Annotated
    from msgspec import Meta
    import quantd

    class Fixed(quantd.Regression):
        "A fixed beta."
        beta: Annotated[float, Meta(ge=0)] = 1.0

        def fit(self, y, x):
            return quantd.Hedge(0.0, self.beta, len(y))

    @quantd.hookimpl
    def register_regressions(register):
        register("NAME", Fixed)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of installed packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    known = set(sys.modules)
    yield folder
    for name in {name for name in set(sys.modules) - known if name.startswith(("acme", "quantd_dropin"))}:  # others load meanwhile
        del sys.modules[name]


def install(site: Path, dist: str, points: dict[str, str], **modules: str) -> None:
    info = site / f"{dist}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[quantd]\n" + "\n".join(f"{name} = {value}" for name, value in points.items()))
    for name, source in modules.items():
        (site / f"{name}.py").write_text(dedent(source))


def drop(folder: Path, name: str, source: str = GOOD, offers: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(dedent(source).replace("NAME", offers or name))
    return path


def regressions_from(registry: Registry, place: Path | str) -> dict[str, str]:
    return {entry.name: entry.source for entry in registry.entries() if str(place) in entry.source}


def faults_from(registry: Registry, place: Path | str) -> list[str]:
    return [fault.message for fault in registry.faults if str(place) in fault.source]


def test_a_drop_in_is_offered_under_its_path(tmp_path: Path) -> None:
    path = drop(tmp_path / "plugins", "steady")
    registry = load([tmp_path / "plugins"])
    entry = registry.get("regression", "steady")
    assert entry is not None
    assert entry.source == str(path)
    assert faults_from(registry, tmp_path) == []
    assert msgspec.json.schema(entry.plugin)
    with pytest.raises(msgspec.ValidationError, match="beta"):
        msgspec.convert({"beta": -1.0}, entry.plugin)


def test_a_relative_path_stays_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(tmp_path / "plugins", "steady")
    monkeypatch.chdir(tmp_path)
    assert load([Path("plugins")]).get("regression", "steady").source == "plugins/steady.py"


def test_a_drop_in_can_be_pickled_and_loaded_again(tmp_path: Path) -> None:
    path = drop(tmp_path, "steady")
    plugin = load([tmp_path]).get("regression", "steady").plugin(beta=3.0)
    assert pickle.loads(pickle.dumps(plugin)) == plugin
    path.write_text(path.read_text().replace("= 1.0", "= 22.0"))
    made: Any = load([tmp_path]).get("regression", "steady").plugin()
    assert made.beta == 22.0


def test_an_entry_point_is_offered_under_module_and_distribution(site: Path) -> None:
    install(site, "acme-quant", {"acme": "acme_plugin"}, acme_plugin=GOOD.replace("NAME", "acme"))
    assert regressions_from(load(), "acme") == {"acme": "acme_plugin (acme-quant 1.0)"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere' ({path}:1 in <module>)"),
        ("x = 1\ndef broken(:", "SyntaxError: invalid syntax ({path}:2)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3 ({path}:2 in <module>)"),
        ("class Stop(BaseException): ...\nraise Stop('now')", "Stop: now ({path}:2 in <module>)"),
        ("x = 1", "registers nothing: mark its register_... functions with @quantd.hookimpl, and call `register` in them"),
    ],
)
def test_a_module_that_fails_is_one_fault(tmp_path: Path, source: str, message: str) -> None:
    path = drop(tmp_path, "broken", source)
    drop(tmp_path, "sound")
    registry = load([tmp_path])
    assert faults_from(registry, tmp_path) == [message.format(path=path)]
    assert "sound" in registry.names("regression")
    assert ("quantd_dropin_broken" in sys.modules) == ("registers nothing" in message)


def test_an_entry_point_that_fails_is_one_fault(site: Path) -> None:
    install(site, "acme", {"a": "acme_a", "b": "acme_gone", "c": "acme_c:absent", "d": "no-module"}, acme_a=GOOD, acme_c="")
    registry = load()
    assert regressions_from(registry, "acme") == {"NAME": "acme_a (acme 1.0)"}
    assert [fault.source for fault in registry.faults if "acme" in fault.source] == [
        "acme_gone (acme 1.0)",
        "acme_c:absent (acme 1.0)",
        "no-module (acme 1.0)",
    ]
    assert not any("<frozen" in fault.message for fault in registry.faults)


def test_a_distribution_whose_metadata_cannot_be_read_is_one_fault(site: Path) -> None:
    install(site, "acme", {"b": "acme_b"}, acme_b=GOOD)
    install(site, "spoilt", {"a": "spoilt"}, spoilt=GOOD)
    (site / "spoilt-1.0.dist-info" / "METADATA").write_bytes(b"Name: \xff")
    registry = load()
    assert regressions_from(registry, "acme") == {"NAME": "acme_b (acme 1.0)"}
    assert len(faults_from(registry, "spoilt")) == 1


def test_ctrl_c_gets_through(tmp_path: Path) -> None:
    drop(tmp_path, "interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load([tmp_path])


def test_a_misspelt_hook_is_named_with_the_nearest(tmp_path: Path) -> None:
    drop(tmp_path, "typo", GOOD.replace("register_regressions", "register_regresions"))
    registry = load([tmp_path])
    assert faults_from(registry, tmp_path) == ["there is no hook 'register_regresions': did you mean 'register_regressions'?"]


def test_a_hook_marked_optional_may_be_unknown(tmp_path: Path) -> None:
    future = "@quantd.hookimpl(optionalhook=True)\ndef register_oracles(register): ...\n"
    drop(tmp_path, "future", dedent(GOOD) + future)
    assert faults_from(load([tmp_path]), tmp_path) == []


def test_a_hook_with_a_wrong_argument_is_a_fault(tmp_path: Path) -> None:
    drop(tmp_path, "wrong", GOOD.replace("(register):", "(registry):"))
    (fault,) = faults_from(load([tmp_path]), tmp_path)
    assert "registry" in fault


def test_a_hook_that_raises_keeps_what_it_registered(tmp_path: Path) -> None:
    drop(tmp_path, "half", dedent(GOOD) + "    raise RuntimeError('and no further')\n")
    registry = load([tmp_path])
    assert "half" in registry.names("regression")
    assert "RuntimeError: and no further" in faults_from(registry, tmp_path)[0]


def test_a_hook_that_raises_spares_the_modules_other_hooks(tmp_path: Path) -> None:
    drop(tmp_path, "half", dedent(GOOD) + "@quantd.hookimpl\ndef register_feeds(register):\n    raise RuntimeError\n")
    registry = load([tmp_path])
    assert "half" in registry.names("regression")
    assert faults_from(registry, tmp_path)[0].startswith("RuntimeError (")


def test_a_name_that_is_taken_stays_with_the_first(tmp_path: Path) -> None:
    first = drop(tmp_path, "a", offers="same")
    second = drop(tmp_path, "b", dedent(GOOD) + '    register("other", Fixed)\n', offers="same")
    registry = load([tmp_path])
    assert regressions_from(registry, tmp_path) == {"same": str(first), "other": str(second)}
    assert faults_from(registry, tmp_path) == [f"regression 'same' is already offered by {first}"]


@pytest.mark.parametrize(
    ("registered", "message"),
    [
        ("int", "is not a subclass of quantd.Regression"),
        ("quantd.Regression", "Regression lacks fit"),
        ("Fixed()", "is not a subclass"),
    ],
)
def test_what_is_no_plugin_of_the_kind_is_a_fault(tmp_path: Path, registered: str, message: str) -> None:
    drop(tmp_path, "wrong", GOOD.replace('"NAME", Fixed', f'"NAME", {registered}'))
    (fault,) = faults_from(load([tmp_path]), tmp_path)
    assert message in fault


def test_an_entry_point_name_that_two_distributions_offer_is_the_first_ones_by_name(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched_first = tmp_path / "user-site"
    searched_first.mkdir()
    monkeypatch.syspath_prepend(searched_first)
    for folder, dist in ((site, "alpha"), (searched_first, "beta")):
        install(folder, dist, {"same": f"{dist}_module"}, **{f"{dist}_module": GOOD.replace("NAME", dist)})
    registry = load()
    assert regressions_from(registry, "_module") == {"alpha": "alpha_module (alpha 1.0)"}
    (fault,) = faults_from(registry, "beta_module (beta 1.0)")
    assert "entry point 'same' is taken by alpha_module (alpha 1.0)" in fault


def test_two_drop_ins_of_one_name_are_a_fault(tmp_path: Path) -> None:
    first = drop(tmp_path / "one", "same", offers="first")
    second = drop(tmp_path / "two", "same", offers="second")
    registry = load([tmp_path / "one", tmp_path / "two"])
    assert regressions_from(registry, tmp_path) == {"first": str(first)}
    (fault,) = faults_from(registry, second)
    assert str(first) in fault


def test_only_the_plain_python_files_of_a_directory_are_loaded(tmp_path: Path) -> None:
    for name in ("_shared", ".backup", "steady"):
        drop(tmp_path, name)
    (tmp_path / "folder.py").mkdir()
    drop(tmp_path / "package", "inner")
    (tmp_path / "notes.txt").write_text("not Python")
    registry = load([tmp_path])
    assert list(regressions_from(registry, tmp_path)) == ["steady"]
    assert faults_from(registry, tmp_path) == []


def test_a_missing_directory_is_a_fault(tmp_path: Path) -> None:
    assert faults_from(load([tmp_path / "gone"]), tmp_path) == ["no such directory: create it or take it out of `plugins.dirs`"]


@pytest.mark.parametrize("disable", ["steady", "regression:steady"])
def test_a_disabled_plugin_is_not_offered(tmp_path: Path, disable: str) -> None:
    drop(tmp_path, "module", offers="steady")
    registry = load([tmp_path], [disable])
    assert regressions_from(registry, tmp_path) == {}
    assert registry.faults == load().faults


def test_a_module_disabled_by_name_is_not_imported(site: Path, tmp_path: Path) -> None:
    install(site, "acme", {"acme": "acme_deadly"}, acme_deadly="raise RuntimeError")
    drop(tmp_path, "deadly", "raise RuntimeError")
    registry = load([tmp_path], ["acme", "deadly"])
    assert registry.faults == load(disable=["acme"]).faults
    assert not {"acme_deadly", "quantd_dropin_deadly"} & sys.modules.keys()


def test_a_disabled_name_that_there_is_not_is_a_fault(tmp_path: Path) -> None:
    drop(tmp_path, "steady")
    assert faults_from(load([tmp_path], ["staedy", "sink:steady"]), "plugins.disable") == [
        "'sink:steady' names no plugin, entry point or drop-in: take it out or mend its spelling",
        "'staedy' names no plugin, entry point or drop-in: take it out or mend its spelling",
    ]


def test_a_module_may_offer_plugins_of_several_kinds(tmp_path: Path) -> None:
    source = """
        import quantd

        class Silent(quantd.AlertSink):
            "Drops alerts."
            async def send(self, alert): ...

        @quantd.hookimpl
        def register_sinks(register):
            register("silent", Silent)
    """
    drop(tmp_path, "both", dedent(GOOD) + dedent(source))
    registry = load([tmp_path])
    assert issubclass(registry.get("sink", "silent").plugin, quantd.AlertSink)
    assert issubclass(registry.get("regression", "both").plugin, quantd.Regression)
