"""Python files of a tree, parsed once, with the few questions that the rules ask of them."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One imported thing: `module` is its dotted name, `line` where it stands, `local` whether inside a function."""

    module: str
    line: int
    local: bool


@dataclass(frozen=True)
class Source:
    """One file: `path` relative to the tree's root."""

    root: Path
    path: Path

    @cached_property
    def text(self) -> str:
        return (self.root / self.path).read_text(encoding="utf-8")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @cached_property
    def module(self) -> str:
        """Dotted name below `src/`, or below the tree's root for everything else."""
        parts = self.path.with_suffix("").parts
        parts = parts[1:] if parts[0] == "src" else parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def package(self) -> str:
        return self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]

    def at(self, line: int) -> str:
        return f"{self.path}:{line}"

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, Function)]

    @cached_property
    def imports(self) -> list[Import]:
        """Every name imported; `from a import b` counts as `a` and as `a.b`, since b may be a module."""
        nodes = [node for node in self.nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        inside = [(one.lineno, one.end_lineno or one.lineno) for one in self.functions]
        local = {id(node) for node in nodes if any(first <= node.lineno <= last for first, last in inside)}
        return [Import(name, node.lineno, id(node) in local) for node in nodes for name in self._names(node)]

    def _names(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = self._absolute(node)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parents = self.package.split(".")
        kept = parents[: len(parents) - node.level + 1]
        return ".".join([*kept, node.module] if node.module else kept)

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Line number and text of each comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or of attributes of one; of anything else its last attribute with a dot before it."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "", *reversed(parts)])


def sources(root: Path, *folders: str) -> list[Source]:
    """Every Python file below the folders, in path order; a folder that is missing holds none."""
    return [
        _source(root, path.relative_to(root), (found := path.stat()).st_mtime_ns, found.st_size)
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


@cache
def _source(root: Path, path: Path, _changed: int, _size: int) -> Source:
    """The same one for all rules: to parse and walk a file takes longer than to judge it."""
    return Source(root, path)


@cache
def body_lines(function: Function) -> int:
    """Lines from `def` to the last statement, without the docstring and without functions inside: they count alone."""
    own = (function.end_lineno or function.lineno) - function.lineno + 1
    docstring = [function.body[0]] if ast.get_docstring(function, clean=False) is not None else []
    return own - sum(_span(node) for node in [*_outermost(function), *docstring])


def _outermost(node: ast.AST) -> Iterator[Function]:
    """Functions directly inside, not those inside them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child
        else:
            yield from _outermost(child)


def _span(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(one.lineno for one in decorators)])
    return (node.end_lineno or node.lineno) - first + 1


def depth(node: ast.AST) -> int:
    """How deep decisions nest inside: `if` holding `for` is 2.

    `elif` counts as its `if`; `with` and `try` decide nothing, an `except` does; functions inside are
    measured by themselves.
    """
    return max((_depth_below(child, node) for child in ast.iter_child_nodes(node)), default=0)


def _depth_below(child: ast.AST, parent: ast.AST) -> int:
    if isinstance(child, Function | ast.ClassDef | ast.Lambda):
        return 0
    blocks = ast.If | ast.For | ast.AsyncFor | ast.While | ast.ExceptHandler | ast.Match
    is_elif = isinstance(child, ast.If) and isinstance(parent, ast.If) and parent.orelse == [child]
    return depth(child) + int(isinstance(child, blocks) and not is_elif)
