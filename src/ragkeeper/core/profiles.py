"""Profiles of services that sources read: where they are, and with which key. A source names a profile, never a key."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

S3_SETTING = re.compile(r"RAG_S3_(?P<name>[A-Z0-9_]+?)_(?P<field>ENDPOINT|REGION|ACCESS_KEY|SECRET_KEY)")
GIT_SETTING = re.compile(r"RAG_GIT_(?P<name>[A-Z0-9_]+?)_(?P<field>HOST|USER|TOKEN_FILE|TOKEN)")

_HOST = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")


class ProfileInvalid(ValueError):
    """name: of the setting."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


class S3Profile(BaseModel):
    """Where buckets are and who asks for them: `RAG_S3_<NAME>_…`. Without a key, requests are not signed."""

    model_config = ConfigDict(frozen=True)

    name: str
    endpoint: str
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: SecretStr = SecretStr("")


class GitProfile(BaseModel):
    """Who asks a Git server for repositories: `RAG_GIT_<NAME>_…`. The token is told to that host and to no other."""

    model_config = ConfigDict(frozen=True)

    name: str
    host: str
    user: str = "git"
    token: SecretStr = SecretStr("")
    token_file: Path | None = None

    def read_token(self) -> str:
        """From the file anew each time, so that a new token counts at once. Raises OSError, UnicodeDecodeError."""
        return self.token_file.read_text(encoding="utf-8").strip() if self.token_file else self.token.get_secret_value()


def s3_profile(name: str, prefix: str, values: Mapping[str, str]) -> S3Profile:
    """prefix: of its settings. Raises ProfileInvalid."""
    given = {field: values.get(f"{prefix}{field}", "") for field in ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY")}
    if not given["ENDPOINT"]:
        raise ProfileInvalid(f"{prefix}ENDPOINT", f"the profile {name} needs it")
    if bool(given["ACCESS_KEY"]) is not bool(given["SECRET_KEY"]):
        raise ProfileInvalid(f"{prefix}SECRET_KEY", "an access key and a secret key come together")
    return S3Profile(
        name=name,
        endpoint=given["ENDPOINT"],
        region=given["REGION"] or "us-east-1",
        access_key=given["ACCESS_KEY"],
        secret_key=SecretStr(given["SECRET_KEY"]),
    )


def git_profile(name: str, prefix: str, values: Mapping[str, str]) -> GitProfile:
    """prefix: of its settings. Raises ProfileInvalid."""
    given = {field: values.get(f"{prefix}{field}", "") for field in ("HOST", "USER", "TOKEN", "TOKEN_FILE")}
    host = given["HOST"].lower()
    if not _HOST.fullmatch(host):
        raise ProfileInvalid(
            f"{prefix}HOST", f"the profile {name} needs a host (`git.example.org`, no scheme, no path)"
        )
    if bool(given["TOKEN"]) is bool(given["TOKEN_FILE"]):
        raise ProfileInvalid(f"{prefix}TOKEN_FILE", f"the profile {name} needs a token, or a file that holds one")
    return GitProfile(
        name=name,
        host=host,
        user=given["USER"] or "git",
        token=SecretStr(given["TOKEN"]),
        token_file=Path(given["TOKEN_FILE"]) if given["TOKEN_FILE"] else None,
    )
