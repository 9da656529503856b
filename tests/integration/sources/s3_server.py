"""A bucket on a web server of this machine."""

from collections.abc import Mapping
from urllib.parse import parse_qs, quote, urlsplit
from xml.sax.saxutils import escape

from tests.integration.sources.web_server import Reply, Site


class FakeS3:
    """Speaks ListObjectsV2 and GET for one bucket, two keys a page; believes every signature."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.contents: dict[str, bytes] = {}
        site.routes["/papers"] = self._list

    def put(self, key: str, body: bytes, etag: str = '"1"') -> None:
        self.contents[key] = body
        headers = {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "ETag": etag}
        self.site.routes[f"/papers/{quote(key)}"] = Reply(body, headers=headers)

    def _list(self, path: str, _headers: Mapping[str, str]) -> Reply:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        keys = [key for key in sorted(self.contents) if key.startswith(asked.get("prefix", ""))]
        start = int(asked.get("continuation-token", "0"))
        more = start + 2 < len(keys)
        rows = "".join(self._row(key) for key in keys[start : start + 2])
        token = f"<NextContinuationToken>{start + 2}</NextContinuationToken>" if more else ""
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return Reply(f"<ListBucketResult>{truncated}{token}{rows}</ListBucketResult>".encode())

    def _row(self, key: str) -> str:
        reply = self.site.routes[f"/papers/{quote(key)}"]
        etag = reply.headers["ETag"] if isinstance(reply, Reply) else ""
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{escape(etag)}</ETag><Size>{len(self.contents[key])}</Size></Contents>"
        )
