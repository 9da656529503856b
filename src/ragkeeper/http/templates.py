"""What a request is counted and logged as: the template of its route, which holds nobody's ids and names."""

import re
from typing import Any, Final
from weakref import WeakKeyDictionary

from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path
from starlette.types import Scope

UNKNOWN_PATH = "unknown"

_Templates = list[tuple[re.Pattern[str], str]]
# Of each application, made when its first request comes: it has all its routes by then.
_KNOWN: Final[WeakKeyDictionary[Any, _Templates]] = WeakKeyDictionary()


def route_template(scope: Scope) -> str:
    """Such as `/api/v1/documents/{document_id}`, also where a request is refused before its route is found."""
    path = getattr(scope.get("route"), "path", "")
    if path:
        return str(path)
    fitting = (template for pattern, template in _templates(scope.get("app")) if pattern.match(scope.get("path", "")))
    return next(fitting, UNKNOWN_PATH)


def _templates(app: Any) -> _Templates:
    if app is None:
        return []
    if app not in _KNOWN:
        paths = [context.path for context in iter_route_contexts(app.routes)]
        _KNOWN[app] = [(compile_path(path)[0], path) for path in paths if path]
    return _KNOWN[app]
