"""Rules that import contracts cannot state. Each takes the root of a tree and returns one line per violation."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.architecture.source import Source, dotted, sources

PACKAGE = "ragkeeper"
FEATURES = (
    "answers",
    "console",
    "conversations",
    "documents",
    "generation",
    "identity",
    "ingestion",
    "operations",
    "quality",
    "retrieval",
)
MOUNTED = ("routes", "commands", "jobs", "checks")
PRIVATE = {"repository", "schemas", *MOUNTED}
# What crosses HTTP looks the same wherever it appears, so the HTTP files of one feature may show another's shapes.
SHOWS_SHAPES = {"routes", "schemas"}
# Files of a pluggable folder that are not one of its implementations.
SHARED = {"port", "models", "rules", "errors", "schemas", "cron", "loop", "scheduler"}
ENVIRONMENT = f"{PACKAGE}.core.environment"
Rule = Callable[[Path], list[str]]


def engines_are_named_by_entrypoints_only(root: Path) -> list[str]:
    """Beside a `port.py` stand implementations; only their own folder and `entrypoints` may import them."""
    engines = _engines(root)
    return [
        f"{source.at(found.line)} imports the implementation {found.module}"
        for source in sources(root, "src")
        if not _in_entrypoints(source)
        for found in source.imports
        if found.module in engines and not source.module.startswith(found.module.rpartition(".")[0])
    ]


def _engines(root: Path) -> set[str]:
    found = sources(root, "src")
    ports = {source.package for source in found if source.path.name == "port.py"}
    return {
        source.module
        for source in found
        if source.package in ports and source.path.stem not in SHARED and source.path.name != "__init__.py"
    }


def features_keep_their_private_files(root: Path) -> list[str]:
    """Between features no repository, no face and, but for HTTP's own files, no schemas are imported."""
    return [
        f"{source.at(found.line)} imports {found.module}, which is private to its feature"
        for source in sources(root, "src")
        if not _in_entrypoints(source)
        for found in source.imports
        if _is_private(found.module) and not _same_feature(source, found.module)
        if not (found.module.endswith(".schemas") and source.path.stem in SHOWS_SHAPES)
    ]


def _is_private(module: str) -> bool:
    parts = module.split(".")
    return len(parts) > 2 and parts[0] == PACKAGE and parts[1] in FEATURES and parts[-1] in PRIVATE


def _same_feature(source: Source, module: str) -> bool:
    """A folder and what lies below it are one feature; neighbours below one top folder are two."""
    folder = module.rpartition(".")[0]
    return source.package == folder or source.package.startswith(f"{folder}.")


def environment_is_read_in_one_place(root: Path) -> list[str]:
    """Only `core/environment.py`, which settings are made from, asks the environment or a `.env` file."""
    return [
        f"{source.at(line)} reads the environment"
        for source in sources(root, "src")
        if source.module != ENVIRONMENT
        for line in _environment_reads(source)
    ]


def _environment_reads(source: Source) -> Iterator[int]:
    names = {"environ", "environb", "getenv"}
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in names:
            yield node.lineno
    for found in source.imports:
        if found.module in {f"os.{name}" for name in names} or found.module.split(".")[0] == "dotenv":
            yield found.line


def imports_stand_at_the_top(root: Path) -> list[str]:
    """No import inside a function, and none by name, outside `entrypoints`."""
    found = [source for source in sources(root, "src") if not _in_entrypoints(source)]
    inside = [
        f"{source.at(item.line)} imports {item.module} inside a function"
        for source in found
        for item in source.imports
        if item.local
    ]
    return inside + [f"{source.at(line)} imports by name" for source in found for line in _dynamic_imports(source)]


def _dynamic_imports(source: Source) -> Iterator[int]:
    for node in source.nodes:
        if isinstance(node, ast.Call) and dotted(node.func) in {"__import__", "importlib.import_module"}:
            yield node.lineno
    yield from (found.line for found in source.imports if found.module == "importlib.import_module")


def nothing_is_left_to_do(root: Path) -> list[str]:
    """What remains to be done is an issue, not a comment."""
    pattern = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    return [
        f"{source.at(line)} {comment}"
        for source in sources(root, "src", "tests", "bench", "scripts")
        if pattern.search(source.text)
        for line, comment in source.comments
        if pattern.search(comment)
    ]


def broad_excepts_say_why(root: Path) -> list[str]:
    """`except Exception`, `except BaseException` and bare `except` say why on the line, unless they raise it again."""
    return [
        f"{source.at(handler.lineno)} catches everything without a reason on the line"
        for source in sources(root, "src", "bench", "scripts")
        for handler in source.nodes
        if isinstance(handler, ast.ExceptHandler) and _is_broad(handler)
        if not _raises_again(handler) and not _has_reason(source.lines[handler.lineno - 1])
    ]


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(dotted(name) in {"Exception", "BaseException"} for name in caught)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _has_reason(line: str) -> bool:
    """At least three words of comment, the linter's own marks not counted."""
    comment = line.partition("#")[2]
    return len(re.findall(r"[A-Za-z]{2,}", re.sub(r"noqa(: *[A-Z]+\d+,? *)*", "", comment))) >= 3


def everything_is_mounted(root: Path) -> list[str]:
    """Each routes.py, commands.py, jobs.py and checks.py is imported by `entrypoints`."""
    found = sources(root, "src")
    mounted = {item.module for source in found if _in_entrypoints(source) for item in source.imports}
    return [
        f"{source.path} is mounted by no entry point"
        for source in found
        if source.path.stem in MOUNTED and source.module.split(".")[1] in FEATURES
        if source.module not in mounted
    ]


def tests_assert_something(root: Path) -> list[str]:
    """Every test function asserts, itself or through a function of its file or of the `tests` package.

    A test that passes by not raising says so in a comment on its `def` line: `# passes by raising nothing`.
    """
    return [
        f"{source.at(test.lineno)} {test.name} asserts nothing"
        for source in sources(root, "tests")
        if source.path.name.startswith("test_")
        for test in source.functions
        if test.name.startswith("test") and not _asserts(test, source, set())
        if "passes by raising nothing" not in source.lines[test.lineno - 1]
    ]


def _asserts(node: ast.AST, source: Source, seen: set[str]) -> bool:
    if any(isinstance(part, ast.Assert) for part in ast.walk(node)):
        return True
    called = {dotted(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    return any(_call_asserts(name, source, seen) for name in called - seen)


def _call_asserts(name: str, source: Source, seen: set[str]) -> bool:
    head, tail = name.partition(".")[0], name.rpartition(".")[2]
    if tail.startswith("assert_") or (head == "pytest" and tail in {"raises", "warns", "fail"}):
        return True
    if any(item.module.startswith("tests.") and item.module.endswith(f".{head}") for item in source.imports):
        return True
    own = [function for function in source.functions if function.name == tail]
    return any(_asserts(function, source, {*seen, name}) for function in own)


def unit_tests_mirror_the_source(root: Path) -> list[str]:
    """`tests/unit/a/test_b.py` or `test_b_aspect.py` needs `src/ragkeeper/a/b.py` or a folder of that name."""
    return [
        f"{source.path} tests no file of the source tree"
        for source in sources(root, "tests/unit")
        if source.path.name.startswith("test_") and source.path.stem != "test_isolation"
        if not source_named_by(root, source.path)
    ]


def source_named_by(root: Path, test: Path) -> Path | None:
    """Return the source file (or folder) that a unit test's path names, the longest name first."""
    folder = root / "src" / PACKAGE / test.parent.relative_to("tests/unit")
    words = test.stem.removeprefix("test_").split("_")
    for count in range(len(words), 0, -1):
        name = "_".join(words[:count])
        for candidate in (folder / f"{name}.py", folder / f"_{name}.py", folder / name):
            if candidate.exists():
                return candidate
    return None


def _in_entrypoints(source: Source) -> bool:
    return source.module.startswith(f"{PACKAGE}.entrypoints")


RULES: tuple[Rule, ...] = (
    engines_are_named_by_entrypoints_only,
    features_keep_their_private_files,
    environment_is_read_in_one_place,
    imports_stand_at_the_top,
    nothing_is_left_to_do,
    broad_excepts_say_why,
    everything_is_mounted,
    tests_assert_something,
    unit_tests_mirror_the_source,
)


def violations(rules: Iterable[Rule], root: Path) -> list[str]:
    return [line for rule in rules for line in rule(root)]
