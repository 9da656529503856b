"""Whether the key of this installation is there, is kept from others, and cannot be guessed."""

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from ragkeeper.core.checks import Check, Finding, Kind, Mend, NotLooked, Severity

_SHORTEST, _FEWEST = 32, 8
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600

SECRETS_OPEN = Kind(
    "secrets_folder_open",
    Severity.FAILURE,
    "The folder {path} may be entered by others (mode {mode})",
    "Every user of this machine may read the key that opens all documents.",
    "chmod 700 {path}",
)
KEY_READABLE = Kind(
    "api_key_readable",
    Severity.FAILURE,
    "The key in {path} may be read by others (mode {mode})",
    "Who reads it may read, change and delete every document.",
    "chmod 600 {path}",
)
KEY_MISSING = Kind(
    "api_key_missing",
    Severity.WARNING,
    "The file {path} is not there, and API_KEY is not set",
    "The next start makes a new key: programs that use the old one are turned away.",
    "Put the file back from a copy of the data folder, or set API_KEY.",
)
KEY_UNREADABLE = Kind(
    "api_key_unreadable",
    Severity.FAILURE,
    "The key in {path} cannot be read by this user: {reason}",
    "No command of this user reaches the server, and a start by this user fails.",
    "chown --reference={folder} {path} && chmod 600 {path}",
)
KEY_WEAK = Kind(
    "api_key_weak",
    Severity.FAILURE,
    "The key in {path} can be guessed: {length} characters, {different} of them different",
    "Who guesses it may read, change and delete every document.",
    "rm {path}  # then stop the server (SIGTERM) and start it: a start without a key makes a strong one",
)


def api_key_checks(folder: Path, *, by_setting: bool) -> list[Check]:
    """folder: where the key is kept; by_setting: API_KEY says it instead."""
    file = folder / "api_key"

    def permissions() -> Iterator[Finding]:
        if not folder.is_dir():
            raise NotLooked(reason=f"{folder} is not there")
        yield from _open_to_others(folder, SECRETS_OPEN, _PRIVATE_FOLDER)
        if file.is_file():
            yield from _open_to_others(file, KEY_READABLE, _PRIVATE_FILE)

    def key() -> Iterator[Finding]:
        if by_setting:
            return
        if not folder.parent.is_dir():
            raise NotLooked(reason=f"{folder.parent} is not there")
        if not file.is_file():
            yield KEY_MISSING.found({"path": str(file)})
            return
        try:
            text = file.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as error:
            evidence = {"path": str(file), "reason": error.strerror or str(error)}
            yield KEY_UNREADABLE.found(evidence, folder=str(folder))
            return
        if len(text) < _SHORTEST or len(set(text)) < _FEWEST:
            yield KEY_WEAK.found({"path": str(file), "length": len(text), "different": len(set(text))})

    return [
        Check("secrets", "permissions", lambda: list(permissions()), quick=True),
        Check("secrets", "key", lambda: list(key()), quick=True),
    ]


def _open_to_others(path: Path, kind: Kind, private: int) -> Iterator[Finding]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        mend = Mend(f"chmod {private:o} {shlex.quote(str(path))}", lambda: path.chmod(private))
        yield kind.found({"path": str(path), "mode": f"{mode:o}"}, mend)
