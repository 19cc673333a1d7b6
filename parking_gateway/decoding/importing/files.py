"""The files of a checkout, and nothing outside it: no `..`, and no symbolic link that leads elsewhere."""

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from parking_gateway.decoding.importing.published import NotUsable

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a file that is read."""

_COMMENT: Final = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
"""A text, which is kept, or a comment."""


class Files:
    """Reads the files below a folder."""

    def __init__(self, root: Path) -> None:
        """Find the folder. Raises `NotUsable`."""
        if not root.is_dir():
            raise NotUsable(f"{root} is no folder: give the path of a checkout, such as that of `git clone`.")
        self.root = root.resolve()

    def has(self, path: str) -> bool:
        """Return whether there is a file or a folder at this path."""
        try:
            return self._within(path).exists()
        except (NotUsable, OSError):
            return False

    def matching(self, pattern: str) -> Iterator[str]:
        """Yield the paths of the files that match, sorted. Those that lead outside are left out."""
        for file in sorted(self.root.glob(pattern)):
            path = file.relative_to(self.root).as_posix()
            if file.is_file() and self.has(path):
                yield path

    def text(self, path: str) -> str:
        """Return the text of a file. Raises `NotUsable`."""
        file = self._within(path)
        try:
            if file.stat().st_size > LARGEST:
                raise NotUsable(f"{path} is larger than {LARGEST // 1024 // 1024} MiB")
            return file.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise NotUsable(f"{path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise NotUsable(f"{path} is no text in UTF-8") from None

    def yaml(self, path: str) -> Any:
        """Return the value of a file in YAML. Raises `NotUsable`."""
        from parking_gateway.decoding.importing import yaml_core  # noqa: PLC0415 - of the extra

        try:
            return yaml_core.read(self.text(path))
        except yaml_core.WrongYaml as error:
            raise NotUsable(f"{path} is no YAML: {error}") from None

    def json(self, path: str) -> Any:
        """Return the value of a file in JSON, also with hexadecimal numbers, comments and commas too many. Raises `NotUsable`."""
        from parking_gateway.decoding.importing import yaml_core  # noqa: PLC0415 - of the extra

        text = self.text(path)
        if yaml_core.is_deep(text):
            raise NotUsable(f"{path}: its lists and objects are too deep")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            try:  # which is nearly the YAML that begins with a bracket
                return yaml_core.read(_COMMENT.sub(lambda match: match[1] or " ", text).replace("\t", " "))
            except yaml_core.WrongYaml:
                raise NotUsable(f"{path} is no JSON: {error}") from None

    def toml(self, path: str) -> Any:
        """Return the value of a file in TOML. Raises `NotUsable`."""
        try:
            return msgspec.toml.decode(self.text(path))
        except ValueError as error:
            raise NotUsable(f"{path} is no TOML: {error}") from None

    def commit(self) -> str | None:
        """Return the commit of the checkout; None if it is no checkout of git, such as an archive."""
        git = self.root / ".git"
        try:
            head = (git / "HEAD").read_text(encoding="utf-8").strip()
            if not head.startswith("ref: "):
                return head if _is_commit(head) else None
            name = head.removeprefix("ref: ")
            if ".." in name:
                return None
            if (git / name).is_file():
                return (git / name).read_text(encoding="utf-8").strip()
            packed = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return None
        found = [line.split()[0] for line in packed if line.endswith(f" {name}")]
        return found[0] if found and _is_commit(found[0]) else None

    def origin(self) -> str | None:
        """Return `owner/name` of the repository that the checkout was cloned from."""
        config = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            config.read(self.root / ".git" / "config", encoding="utf-8")
            url = config.get('remote "origin"', "url", fallback="")
        except (configparser.Error, UnicodeDecodeError):
            return None
        named = re.search(r"([\w.-]+/[\w.-]+?)(?:\.git)?/?$", url)
        return named[1] if named and "github" in url else None

    def licence(self) -> str:
        """Return the title of the licence that the checkout contains."""
        for path in self.matching("LICEN[CS]E*"):
            lines = [line.strip() for line in self.text(path).splitlines()]
            title = " ".join([line for line in lines if line][:2])
            return f"{title[:80]} ({path})"
        return "none found in the checkout"

    def _within(self, path: str) -> Path:
        file = (self.root / path).resolve()
        if not file.is_relative_to(self.root):
            raise NotUsable(f"{path} leads out of the checkout")
        return file


def _is_commit(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) is not None
