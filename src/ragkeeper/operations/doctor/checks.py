"""Settings, the data folder, the port: what must be right before anything else can be."""

import os
import shlex
import socket
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path

from ragkeeper.core.checks import Check, Finding, Kind, Mend, NotLooked, Severity
from ragkeeper.core.errors import RagkeeperError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PRIVATE = 0o700
_SHORTEST_TOKEN = 16
SECRET_NAMES = ("KEY", "PASSWORD", "TOKEN", "SECRET", "_URL")

SETTING_UNKNOWN = Kind(
    "setting_unknown",
    Severity.FAILURE,
    "{reason}",
    "No command and no server starts with these settings.",
    "Correct its name in the environment or in `.env`; docs/reference/settings.md lists all of them.",
)
SETTING_INVALID = Kind(
    "setting_invalid",
    Severity.FAILURE,
    "{reason}",
    "No command and no server starts with these settings.",
    "Correct it in the environment or in `.env`; docs/reference/settings.md says what it may be.",
)
ENV_FILE_READABLE = Kind(
    "env_file_readable",
    Severity.WARNING,
    "The file {path} holds secrets and may be read by others (mode {mode})",
    "Every user of this machine may read the keys and passwords in it.",
    "chmod 600 {path}",
)
TOKEN_WEAK = Kind(
    "metrics_token_weak",
    Severity.WARNING,
    "RAG_METRICS_TOKEN has {length} characters",
    "Who guesses it reads all metrics from another machine.",
    "Set RAG_METRICS_TOKEN to what `openssl rand -hex 32` prints.",
)
THREADS_ABOVE_CORES = Kind(
    "threads_above_cores",
    Severity.WARNING,
    "RAG_EMBEDDING_THREADS is {threads}, and {cores} processors may be used",
    "Threads wait for each other: embedding gets slower, not faster.",
    "Set RAG_EMBEDDING_THREADS=0 and start the server again.",
)
NOT_INITIALISED = Kind(
    "not_initialised",
    Severity.NOTE,
    "The data folder {path} is not there yet",
    "The first start, or `ragkeeper init`, makes it.",
    "ragkeeper init",
)
FOLDER_MISSING = Kind(
    "folder_missing",
    Severity.WARNING,
    "The folder {path} is not there",
    "What is kept there is gone, or cannot be kept.",
    "mkdir {path}  # the next start does it too",
)
NO_FOLDER = Kind(
    "no_folder",
    Severity.FAILURE,
    "{path} should be a folder and is {what}",
    "Nothing can be kept there: the start fails, or what belongs there is lost.",
    "mv {typed} {aside} && mkdir -m 700 {typed}",
)
LINK_BROKEN = Kind(
    "folder_link_broken",
    Severity.FAILURE,
    "{path} is a link to {target}, which is not there",
    "What is kept there cannot be reached: a disk that is not mounted, or a folder that was moved.",
    "findmnt -l  # mount what is missing, or begin anew: mkdir -p -m 700 {target_typed}",
)
FOLDER_OPEN = Kind(
    "data_folder_open",
    Severity.WARNING,
    "The data folder {path} may be entered by others (mode {mode})",
    "Every user of this machine may read the documents in it.",
    "chmod 700 {path}",
)
NOT_WRITABLE = Kind(
    "path_not_writable",
    Severity.FAILURE,
    "{path} cannot be written by this user (user id {user}, its owner is {owner})",
    "What is kept there cannot be changed: uploads, changes or the start fail.",
    "chown -R --reference={folder} {path}",
)
READ_ONLY_DISK = Kind(
    "filesystem_read_only",
    Severity.FAILURE,
    "The file system of {path} is mounted read-only",
    "Nothing can be stored there: uploads and changes are refused.",
    "dmesg | tail -50  # then: mount -o remount,rw {mount}",
)
OTHER_OWNER = Kind(
    "files_of_another_user",
    Severity.WARNING,
    "{count} files below {folder} belong to another user than the folder, {path} among them",
    "A command was run as another user, such as root; the server may not be able to change them.",
    "chown -R --reference={folder} {folder}",
)
PUT_ASIDE = Kind(
    "index_put_aside",
    Severity.NOTE,
    "{count} damaged indexes were put aside ({path}), they take {megabytes} MB",
    "They are of no use to the server, only to whoever looks for the cause.",
    "rm -r {path}",
)
NOT_RUNNING = Kind(
    "server_not_running",
    Severity.NOTE,
    "No server runs on {path}",
    "Nobody is answered; what concerns a running server was not looked at.",
    "ragkeeper serve",
)
SERVER_SILENT = Kind(
    "server_silent",
    Severity.FAILURE,
    "The server (process {process}) holds {path} and does not answer at {url}: {reason}",
    "Nobody is answered.",
    "Look at its log; then: kill {process}, and start it again.",
)
SERVER_STARTING = Kind(
    "server_starting",
    Severity.NOTE,
    "Somebody holds {path} and has not said where it serves",
    "A server is starting, or a command works on the folder.",
    "Run `ragkeeper doctor` again in a minute.",
)
KEY_REFUSED = Kind(
    "server_key_refused",
    Severity.FAILURE,
    "The server refuses the key that commands take from API_KEY or from {path}/secrets/api_key",
    "No command reaches the server, and what only it knows was not looked at.",
    "Unset API_KEY or set it as the server has it; if the file was changed, stop the server (SIGTERM) and start it.",
)
OTHER_VERSION = Kind(
    "server_of_another_version",
    Severity.WARNING,
    "The server runs version {running}, and {installed} is installed",
    "What was installed is not in use, and the two may not understand each other.",
    "Stop the server (SIGTERM) and start it again.",
)
PORT_TAKEN = Kind(
    "port_taken",
    Severity.FAILURE,
    "Another program listens on {host} port {port}",
    "The server cannot start there.",
    "ss -ltnp 'sport = :{port}'  # or choose another port with RAG_PORT",
)
NO_BACKUPS = Kind(
    "backups_not_configured",
    Severity.NOTE,
    "No backups are made: this version makes none by itself",
    "What the disk loses is lost.",
    "Copy the data folder while the server is stopped, to another machine.",
)
NO_ALERT_ADDRESS = Kind(
    "alert_address_not_configured",
    Severity.NOTE,
    "No address is set that alerts are sent to",
    "Nobody is told when something goes wrong.",
    "{fix}",
)


def settings_checks(problem: RagkeeperError | None, env_file: Path) -> list[Check]:
    """problem: why the settings cannot be used."""

    def usable() -> Iterable[Finding]:
        if problem is None:
            return []
        kind = SETTING_UNKNOWN if problem.code == SETTING_UNKNOWN.code else SETTING_INVALID
        # Errors of settings name the setting; of others, what they advise does.
        named = problem.code in {SETTING_UNKNOWN.code, SETTING_INVALID.code}
        return [kind.found({"reason": problem.message if named else f"{problem.message} {problem.advice}"})]

    def private() -> Iterator[Finding]:
        if not env_file.is_file():
            return
        mode = stat.S_IMODE(env_file.stat().st_mode)
        names = [line.partition("=")[0].strip() for line in env_file.read_text("utf-8", "replace").splitlines()]
        if mode & _OTHERS and any(word in name for name in names for word in SECRET_NAMES):
            path = env_file.absolute()
            mend = Mend(f"chmod 600 {shlex.quote(str(path))}", lambda: path.chmod(0o600))
            yield ENV_FILE_READABLE.found({"path": str(path), "mode": f"{mode:o}"}, mend)

    return [
        Check("settings", "usable", usable, quick=True),
        Check("settings", "env file", lambda: list(private()), quick=True),
    ]


def value_checks(metrics_token: str, threads: int, cores: int) -> list[Check]:
    """threads: of RAG_EMBEDDING_THREADS; cores: that may be used."""

    def token() -> Iterable[Finding]:
        weak = 0 < len(metrics_token) < _SHORTEST_TOKEN
        return [TOKEN_WEAK.found({"length": len(metrics_token)})] if weak else []

    def many() -> Iterable[Finding]:
        return [THREADS_ABOVE_CORES.found({"threads": threads, "cores": cores})] if threads > cores else []

    return [Check("settings", "metrics token", token, quick=True), Check("settings", "threads", many, quick=True)]


def folder_checks(
    root: Path, paths: Mapping[str, Path], can_write: Callable[[Path], bool] = lambda path: os.access(path, os.W_OK)
) -> list[Check]:
    """paths: what is written to below the data folder or elsewhere, by name."""
    return [
        Check("data", "folders", lambda: list(_missing(root, paths)), quick=True),
        Check("data", "private", lambda: list(_open_to_others(root)), quick=True),
        Check("data", "writable", lambda: list(_unwritable(root, paths, can_write)), quick=True),
        Check("data", "owners", lambda: list(_of_others(root)), quick=True),
        Check("data", "put aside", lambda: list(_put_aside(root))),
    ]


def _missing(root: Path, paths: Mapping[str, Path]) -> Iterator[Finding]:
    if not root.is_dir():
        yield _obstacle(root) or NOT_INITIALISED.found({"path": str(root)})
        return
    for path in dict.fromkeys(paths.values()):
        if not path.is_dir():
            mend = Mend(f"mkdir {shlex.quote(str(path))}", partial(_make, path))
            yield _obstacle(path) or FOLDER_MISSING.found({"path": str(path)}, mend)


def _obstacle(path: Path) -> Finding | None:
    """What stands where a folder belongs."""
    typed = shlex.quote(str(path))
    if path.is_symlink() and not path.exists():
        target = str(path.parent / path.readlink())
        return LINK_BROKEN.found({"path": str(path), "target": target}, target_typed=shlex.quote(target))
    if not path.exists():
        return None
    what = "a file" if path.is_file() else "something else"
    aside = next(one for number in count(1) if not (one := path.with_name(f"{path.name}.aside-{number}")).exists())
    return NO_FOLDER.found({"path": str(path), "what": what}, typed=typed, aside=shlex.quote(str(aside)))


def _make(path: Path) -> None:
    path.mkdir(parents=True, mode=_PRIVATE, exist_ok=True)


def _open_to_others(root: Path) -> Iterator[Finding]:
    _require(root)
    mode = stat.S_IMODE(root.stat().st_mode)
    if mode & _OTHERS:
        mend = Mend(f"chmod 700 {shlex.quote(str(root))}", partial(root.chmod, _PRIVATE))
        yield FOLDER_OPEN.found({"path": str(root), "mode": f"{mode:o}"}, mend)


def _unwritable(root: Path, paths: Mapping[str, Path], can_write: Callable[[Path], bool]) -> Iterator[Finding]:
    _require(root)
    files = [path for path in sorted(root.glob("*.db")) if path.is_file()]
    for path in dict.fromkeys([*[one for one in paths.values() if one.is_dir()], *files]):
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            yield READ_ONLY_DISK.found({"path": str(path), "mount": str(_mount(path))})
        elif not can_write(path):
            evidence: dict[str, object] = {"path": str(path), "user": os.geteuid(), "owner": path.stat().st_uid}
            yield NOT_WRITABLE.found({**evidence, "folder": str(root)})


def _of_others(root: Path) -> Iterator[Finding]:
    _require(root)
    owner = root.stat().st_uid
    found = [path for path in _near(root) if path.lstat().st_uid != owner]
    if found:
        yield OTHER_OWNER.found({"count": len(found), "folder": str(root), "path": str(found[0])})


def _put_aside(root: Path) -> Iterator[Finding]:
    found = sorted(root.glob("index-aside-*")) if root.is_dir() else []
    if found:
        size = sum(path.lstat().st_size for folder in found for path in folder.rglob("*") if path.is_file())
        yield PUT_ASIDE.found({"count": len(found), "path": str(found[0]), "megabytes": size // 1_000_000})


def _near(root: Path) -> Iterator[Path]:
    """What lies in the folder and one below: enough to see that somebody else was at work."""
    for path in sorted(root.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink() and os.access(path, os.R_OK | os.X_OK):
            yield from sorted(path.iterdir())[:100]


def _mount(path: Path) -> Path:
    while not path.is_mount():
        path = path.parent
    return path


def _require(root: Path) -> None:
    if not root.is_dir():
        raise NotLooked(reason=f"{root} is not there")


def reach_checks(
    root: Path,
    server: Mapping[str, str] | None,
    running: Callable[[], str],
    installed: str,
    *,
    held: bool,
    admitted: Callable[[], bool] = lambda: True,
) -> list[Check]:
    """server: {url, pid} as it announced itself; running: asks it for its version; held: somebody owns the folder.

    admitted: whether it takes the key that commands have.
    """

    def look() -> Iterator[Finding]:
        if server is None:
            if root.is_dir():
                yield (SERVER_STARTING if held else NOT_RUNNING).found({"path": str(root)})
            return
        evidence = {"process": str(server["pid"]), "path": str(root), "url": server["url"]}
        try:
            version = running()
        except NotLooked as error:
            yield SERVER_SILENT.found({**evidence, "reason": str(error.fields["reason"])})
            return
        if version != installed:
            yield OTHER_VERSION.found({"running": version, "installed": installed})
        if not admitted():
            yield KEY_REFUSED.found({"path": str(root)})

    return [Check("server", "answers", lambda: list(look()))]


def port_checks(host: str, port: int, *, ours: bool) -> list[Check]:
    """ours: our own server listens there, or one does that starts: it listens before it says so."""

    def look() -> Iterable[Finding]:
        if ours or port == 0 or not _is_taken(host, port):
            return []
        return [PORT_TAKEN.found({"host": host, "port": port})]

    return [Check("server", "port", look)]


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def absence_checks(alert_addresses: Sequence[str] | None, alert_fix: str) -> list[Check]:
    """What is not set up, told as such. alert_addresses: None where this version sends nothing."""

    def backups() -> Iterable[Finding]:
        return [NO_BACKUPS.found()]

    def alerts() -> Iterable[Finding]:
        return [] if alert_addresses else [NO_ALERT_ADDRESS.found({"fix": alert_fix})]

    return [Check("operations", "backups", backups), Check("operations", "alerts", alerts)]
