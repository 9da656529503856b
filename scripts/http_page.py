"""The page of HTTP endpoints, from the application's own OpenAPI description."""

from collections.abc import Iterator
from typing import Any, cast

from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.build import Application
from ragkeeper.entrypoints.http import create_app
from scripts.tables import table

Schema = dict[str, Any]
# FastAPI's own shapes; our errors are problem details, listed on the page of errors.
_FOREIGN = ("HTTPValidationError", "ValidationError")


class _Unwired:
    """Stands where collaborators would: routes only keep them until a request comes, and none does."""

    settings = Settings.model_validate({})

    def __getattr__(self, name: str) -> "_Unwired":
        return self


def http_page() -> str:
    described = create_app(cast("Application", _Unwired())).openapi()
    operations = [
        (method.upper(), path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    shapes = described["components"]["schemas"]
    return (
        "# HTTP\n\n"
        "The server listens on `RAG_HOST`:`RAG_PORT`. Every endpoint but `/health`, `/health/live`, `/health/ready`, "
        "`/docs` and, on its own machine, `/metrics` wants the key in `X-API-Key` or as `Authorization: Bearer`. "
        "Failures are problem details with a stable `code`: see [errors](errors.md). Lists answer "
        "`{items, next_cursor}`; pass `next_cursor` as `cursor`. The server shows the same description at `/docs` and "
        "`/openapi.json`.\n\n"
        + table(("method", "path", "parameters", "body", "answer"), (_row(*one) for one in operations))
        + "\n## Shapes\n"
        + "".join(_shape(name, shapes[name]) for name in sorted(shapes) if name not in _FOREIGN)
    )


def _row(method: str, path: str, operation: Schema) -> tuple[str, str, str, str, str]:
    parameters = ", ".join(f"`{one['name']}`" for one in operation.get("parameters", []))
    return method, f"`{path}`", parameters, _body(operation), _answer(operation)


def _body(operation: Schema) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return "; ".join(
        f"{'form' if kind.startswith('multipart') else 'JSON'} {_fields(part['schema'])}"
        for kind, part in content.items()
    )


def _answer(operation: Schema) -> str:
    found = []
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            found.append(f"{status} {_type(schema)}".strip())
    return "; ".join(found)


def _fields(schema: Schema) -> str:
    return _type(schema) if "$ref" in schema else ", ".join(f"`{name}`" for name in schema.get("properties", {}))


def _shape(name: str, schema: Schema) -> str:
    required = schema.get("required", [])
    rows = [
        (f"`{field}`", _type(part), "" if field in required else _default(part), part.get("description", ""))
        for field, part in schema.get("properties", {}).items()
    ]
    about = f"{' '.join(schema['description'].split())}\n\n" if schema.get("description") else ""
    values = ", ".join(f"`{value}`" for value in schema.get("enum", []))
    body = table(("field", "type", "default", "meaning"), rows) if rows else f"One of {values}.\n"
    return f"\n### {name}\n\n{about}{body}"


def _default(schema: Schema) -> str:
    value = schema.get("default")
    return "optional" if value in (None, {}, []) else f"`{value}`"


def _type(schema: Schema) -> str:
    return " or ".join(_types(schema)) or ""


def _types(schema: Schema) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        yield f"[{name}](#{name.lower()})"
    for option in schema.get("anyOf", []):
        yield from _types(option)
    kind = schema.get("type")
    if kind == "array":
        yield f"list of {_type(schema.get('items', {})) or 'anything'}"
    elif kind is not None:
        yield str(kind)
