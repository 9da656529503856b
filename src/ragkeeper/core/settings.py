"""Every setting, in one table; the only file that reads the environment.

A setting is an environment variable or a line of a `.env` file (the environment wins). Unknown `RAG_*` names stop the
start with the nearest known name. Settings are read once, frozen, and passed on as values.
"""

import difflib
import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from ragkeeper.core.accuracy import AccuracySettings
from ragkeeper.core.alerting import AlertSettings
from ragkeeper.core.environment import given_values
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.profiles import (
    GIT_SETTING,
    S3_SETTING,
    GitProfile,
    ProfileInvalid,
    S3Profile,
    git_profile,
    s3_profile,
)


class SettingUnknown(RagkeeperError):
    """The setting {name} does not exist{hint}."""

    code = "setting_unknown"
    status = 500
    fix = "Remove it or correct its name; `docs/reference/settings.md` lists every setting."


class SettingInvalid(RagkeeperError):
    """The setting {name} cannot be used: {reason}."""

    code = "setting_invalid"
    status = 500
    fix = "Correct it in the environment or in the .env file; `docs/reference/settings.md` lists every setting."


_Profile = TypeVar("_Profile", S3Profile, GitProfile)
_HOST = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_POSTGRES = re.compile(
    r"postgresql(?:\+psycopg)?://(?:[^@/\s]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^@:/\s\[\]]*)(?::[0-9]{1,5})?/[^/?\s]+(?:\?\S*)?"
)
_SHORTEST_KEY = 32
_FEWEST_CHARACTERS = 8
_MOST_REQUESTS = 100_000
_HIGHEST_PRICE = 1_000_000.0
# What sample files put where a key belongs. None can stand in a random key of hexadecimal digits.
_WORDS_OF_SAMPLES = ("change", "your", "example", "secret", "password", "sample", "insecure", "replace")


class RerankingMethod(StrEnum):
    NONE = "none"
    CROSS_ENCODER = "cross_encoder"
    LLM = "llm"


class FusionMethod(StrEnum):
    WEIGHTED = "weighted"
    RRF = "rrf"


class ChatProvider(BaseModel):
    """One model provider: `RAG_LLM_<NAME>_…`."""

    model_config = ConfigDict(frozen=True)

    name: str
    base_url: str
    model: str
    api_key: SecretStr = SecretStr("")
    requests_per_minute: int | None = None
    price_in: float = 0.0
    price_out: float = 0.0
    status_page: str | None = None


class Settings(AlertSettings, AccuracySettings):
    """Field = setting; its alias is the variable's name."""

    model_config = ConfigDict(frozen=True, populate_by_name=False, extra="forbid")

    data_dir: Path = Field(Path("ragkeeper-data"), alias="RAG_DATA_DIR", description="Folder that holds everything.")
    database_url: str | None = Field(
        None,
        alias="DATABASE_URL",
        description="SQLAlchemy address of the database; default: a file in the data folder.",
    )
    jobs_database_url: SecretStr | None = Field(
        None,
        alias="RAG_JOBS_DATABASE_URL",
        description="PostgreSQL database, of this server alone, that durable jobs are recorded in "
        "(`postgresql://user:password@host/name`); default: a file in the data folder.",
    )
    host: str = Field("127.0.0.1", alias="RAG_HOST", description="Address to listen on; only loopback is accepted.")
    port: int = Field(8000, alias="RAG_PORT", ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    api_key: SecretStr | None = Field(
        None,
        alias="API_KEY",
        description="Key of every request, 32 characters or more; default: generated into `secrets/api_key`.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        alias="RAG_METRICS_TOKEN",
        description="Bearer token that opens `/metrics` and nothing else; this machine itself needs none.",
    )
    log_level: str = Field(
        "info",
        alias="RAG_LOG_LEVEL",
        pattern="^(debug|info|warning|error)$",
        description="Least severe record that is logged.",
    )
    log_file: bool = Field(
        True, alias="RAG_LOG_FILE", description="Write the log also to `logs/ragkeeper.log` in the data folder."
    )
    log_max_mb: int = Field(
        20,
        alias="RAG_LOG_MAX_MB",
        ge=1,
        le=10_000,
        description="Size at which a new file is begun, in MB; also each day.",
    )
    log_keep_days: int = Field(
        30, alias="RAG_LOG_KEEP_DAYS", ge=1, le=3650, description="Days that old files are kept, compressed."
    )
    log_keep_mb: int = Field(
        500, alias="RAG_LOG_KEEP_MB", ge=1, le=1_000_000, description="Most that old files may take together, in MB."
    )
    otel_endpoint: str | None = Field(
        None,
        alias="RAG_OTEL_ENDPOINT",
        pattern="^https?://",
        description="Where traces of questions are sent, such as `http://localhost:4318/v1/traces`; default: nowhere.",
    )
    otel_headers: SecretStr = Field(
        SecretStr(""),
        alias="RAG_OTEL_HEADERS",
        description="Headers that go with them, `name=value` by commas, for who asks for a key.",
    )
    max_upload_mb: int = Field(500, alias="RAG_MAX_UPLOAD_MB", ge=1, description="Largest accepted file, in MB.")
    min_free_mb: int = Field(
        500,
        alias="RAG_MIN_FREE_MB",
        ge=0,
        description="Uploads are refused when less is free on the disk, in MB.",
    )
    max_question_characters: int = Field(
        10_000, alias="RAG_MAX_QUESTION_CHARACTERS", ge=100, description="Longest accepted question or search query."
    )

    shed_load: bool = Field(
        True,
        alias="RAG_SHED_LOAD",
        description="Turn requests away at once (503, Retry-After) when more come than can be answered in time.",
    )
    parser_workers: int = Field(2, alias="RAG_PARSER_WORKERS", ge=1, le=64, description="Files parsed at once.")
    parser_memory_mb: int = Field(
        2048, alias="RAG_PARSER_MEMORY_MB", ge=256, description="Memory of one parser, in MB."
    )
    parser_seconds: int = Field(120, alias="RAG_PARSER_SECONDS", ge=1, description="Time for one file, in seconds.")
    parser_characters: int = Field(
        20_000_000,
        alias="RAG_PARSER_CHARACTERS",
        ge=1000,
        description="Most text taken from one file, in characters.",
    )
    retry_seconds: float = Field(
        60.0,
        alias="RAG_RETRY_SECONDS",
        gt=0,
        le=3600,
        description="Wait before a file is read again that may well be read then; doubles, three times at most.",
    )

    ocr_languages: str = Field("eng", alias="RAG_OCR_LANGUAGES", description="Tesseract languages, joined by `+`.")

    embedding_model: str = Field(
        "minilm",
        alias="RAG_EMBEDDING_MODEL",
        description="`minilm` (shipped), `fastembed:NAME`, or `openai:NAME` at RAG_EMBEDDING_BASE_URL.",
    )
    embedding_base_url: str | None = Field(
        None, alias="RAG_EMBEDDING_BASE_URL", description="Address of an OpenAI-compatible embedding endpoint."
    )
    embedding_api_key: SecretStr = Field(
        SecretStr(""), alias="RAG_EMBEDDING_API_KEY", description="Key for that endpoint."
    )
    embedding_dimension: int | None = Field(
        None,
        alias="RAG_EMBEDDING_DIMENSION",
        ge=1,
        description="Vector length of its model; checked at start.",
    )
    embedding_timeout: float = Field(
        60.0, alias="RAG_EMBEDDING_TIMEOUT", gt=0, le=3600, description="Seconds the endpoint has for some texts."
    )
    query_embedding_timeout: float = Field(
        5.0,
        alias="RAG_QUERY_EMBEDDING_TIMEOUT",
        gt=0,
        le=60,
        description="Seconds the endpoint has for a question; then the search goes on by words.",
    )
    embedding_threads: int = Field(
        0, alias="RAG_EMBEDDING_THREADS", ge=0, le=64, description="Threads of the embedder; 0 = its cores, at most 4."
    )
    embedding_batch: int = Field(
        0,
        alias="RAG_EMBEDDING_BATCH",
        ge=0,
        le=2048,
        description="Texts in one request to an endpoint (0 = 64) or one run of a `fastembed` model (0 = 8): fewer "
        "need less memory. The shipped model takes one at a time.",
    )
    lexical_language: str = Field(
        "auto",
        alias="RAG_LEXICAL_LANGUAGE",
        description="Language of stemming and stop words; `auto` asks each text.",
    )

    retrieval_top_k: int = Field(
        10,
        alias="RETRIEVAL_TOP_K",
        ge=1,
        le=200,
        description="Results of a search, and the most an answer is made from.",
    )
    retrieval_candidates: int = Field(
        100,
        alias="RAG_RETRIEVAL_CANDIDATES",
        ge=10,
        le=1000,
        description="Candidates taken from each engine.",
    )
    fusion_method: FusionMethod = Field(
        FusionMethod.WEIGHTED, alias="RAG_FUSION_METHOD", description="`weighted` (completed scores) or `rrf`."
    )
    fusion_dense_weight: float = Field(
        0.68,
        alias="RAG_FUSION_DENSE_WEIGHT",
        ge=0,
        le=1,
        description="Share of the vector score in the fusion.",
    )
    use_hyde: bool = Field(False, alias="RAG_USE_HYDE", description="Search with a made-up answer (needs a model).")
    use_multi_query: bool = Field(
        False, alias="RAG_USE_MULTI_QUERY", description="Search with rephrased questions too (needs a model)."
    )
    use_compression: bool = Field(
        False, alias="RAG_USE_COMPRESSION", description="Keep only the relevant sentences of a passage (needs a model)."
    )
    reranking_method: RerankingMethod = Field(
        RerankingMethod.NONE, alias="RERANKING_METHOD", description="`none`, `cross_encoder` (fastembed) or `llm`."
    )
    reranking_model: str = Field(
        "Xenova/ms-marco-MiniLM-L-6-v2", alias="RAG_RERANKING_MODEL", description="Cross-encoder used for reranking."
    )

    use_cache: bool = Field(
        False,
        alias="RAG_USE_CACHE",
        description="Give results and answers again to equal questions of the same access, until a document changes.",
    )
    cache_search_seconds: float = Field(
        3600.0, alias="RAG_CACHE_SEARCH_SECONDS", gt=0, description="Longest that results of a search are given again."
    )
    cache_answer_seconds: float = Field(
        7200.0, alias="RAG_CACHE_ANSWER_SECONDS", gt=0, description="Longest that an answer is given again."
    )
    semantic_cache: bool = Field(
        False,
        alias="RAG_SEMANTIC_CACHE",
        description="Give answers again to questions that differ only in courtesies, articles and the like; with "
        "RAG_USE_CACHE.",
    )
    cache_mb: int = Field(
        32, alias="RAG_CACHE_MB", ge=1, le=4096, description="Most memory of the cache inside the server, in MB."
    )
    redis_url: SecretStr | None = Field(
        None,
        alias="REDIS_URL",
        description="Redis that holds the cache and what servers share of breakers and limits (`redis://host:6379/1`, "
        "`rediss://…`, `unix://…`); default: the server itself does.",
    )
    redis_password: SecretStr = Field(
        SecretStr(""), alias="REDIS_PASSWORD", description="Password for it, where its address holds none."
    )

    stream_timeout: float | None = Field(
        None,
        alias="RAG_STREAM_TIMEOUT",
        gt=0,
        le=3600,
        description="Longest a streamed answer may take, in seconds; default: 60, or 300 with a model on this machine "
        "or network.",
    )
    first_token_timeout: float | None = Field(
        None,
        alias="RAG_FIRST_TOKEN_TIMEOUT",
        gt=0,
        le=3600,
        description="Seconds a model may take to begin an answer; default: 30, or 120 on this machine or network.",
    )
    model_timeout: float | None = Field(
        None,
        alias="RAG_MODEL_TIMEOUT",
        gt=0,
        le=3600,
        description="Seconds a model may take for a whole answer; default: 120, or 300 on this machine or network.",
    )
    extractive_fallback: bool = Field(
        True,
        alias="RAG_EXTRACTIVE_FALLBACK",
        description="Quote an answer when no model can write one; otherwise such a question fails with 503.",
    )
    next_token_timeout: float = Field(
        20.0, alias="RAG_NEXT_TOKEN_TIMEOUT", gt=0, le=3600, description="Seconds between two pieces of an answer."
    )
    connect_timeout: float = Field(
        5.0, alias="RAG_CONNECT_TIMEOUT", gt=0, le=60, description="Seconds to connect to a model provider."
    )
    model_queue_seconds: float = Field(
        5.0,
        alias="RAG_MODEL_QUEUE_SECONDS",
        ge=0,
        le=60,
        description="Longest a call waits for its turn when a provider's requests per minute are used up.",
    )
    breaker_failures: int = Field(
        5, alias="RAG_BREAKER_FAILURES", ge=1, le=100, description="Failures in a row that open a breaker."
    )
    breaker_failure_rate: float = Field(
        0.5,
        alias="RAG_BREAKER_FAILURE_RATE",
        gt=0,
        le=1,
        description="Share of failures that opens it, of the last 100 calls in ten minutes, once there are 20.",
    )
    breaker_slow_rate: float = Field(
        0.8,
        alias="RAG_BREAKER_SLOW_RATE",
        gt=0,
        le=1,
        description="Share of slow calls (longer than half their time limit) that opens it, of the same calls, "
        "where the model was quicker before.",
    )
    breaker_open_seconds: float = Field(
        30.0,
        alias="RAG_BREAKER_OPEN_SECONDS",
        gt=0,
        le=300,
        description="Seconds until trial calls; doubles each time they fail, up to 300.",
    )
    conversation_tokens: int = Field(
        1500, alias="RAG_CONVERSATION_TOKENS", ge=0, description="Most tokens of earlier turns given to the model."
    )
    passage_tokens: int = Field(
        3000, alias="RAG_PASSAGE_TOKENS", ge=200, description="Most tokens of passages given to the model."
    )
    answer_tokens: int = Field(800, alias="RAG_ANSWER_TOKENS", ge=16, description="Longest answer of a model.")
    answer_threshold: float | None = Field(
        None,
        alias="RAG_ANSWER_THRESHOLD",
        ge=0,
        le=1,
        description="Confidence below which an extractive answer is refused; default: chosen on data.",
    )
    chat_providers: tuple[ChatProvider, ...] = Field(
        (),
        alias="RAG_LLM_PROVIDERS",
        description="Ordered names of model providers, by commas; each needs RAG_LLM_<NAME>_BASE_URL and _MODEL, and "
        "may have _API_KEY, _REQUESTS_PER_MINUTE (such as 28 on a free tier), _PRICE_IN and _PRICE_OUT (of a million "
        "tokens) and _STATUS_PAGE (its address).",
    )

    fetch_private_hosts: tuple[str, ...] = Field(
        (),
        alias="RAG_FETCH_PRIVATE_HOSTS",
        description="Hosts (`wiki.lan` or `wiki.lan:8080`, by commas) that sources may read although their addresses "
        "are private or their ports unusual.",
    )
    s3_profiles: tuple[S3Profile, ...] = Field(
        (),
        alias="RAG_S3_PROFILES",
        description="Names of S3-compatible services, by commas; each needs RAG_S3_<NAME>_ENDPOINT.",
    )
    git_profiles: tuple[GitProfile, ...] = Field(
        (),
        alias="RAG_GIT_PROFILES",
        description="Names of Git servers that ask who reads, by commas; each needs RAG_GIT_<NAME>_HOST and "
        "_TOKEN_FILE (or _TOKEN), and may have _USER.",
    )

    @field_validator("fetch_private_hosts", mode="before")
    @classmethod
    def _by_commas(cls, hosts: object) -> object:
        return _words(hosts) if isinstance(hosts, str) else hosts

    @field_validator("fetch_private_hosts")
    @classmethod
    def _hosts_only(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST.fullmatch(host):
                reason = f"{host!r} is not a host or host:port (no scheme, path or wildcard)"
                raise ValueError(reason)
        return tuple(host.lower().rstrip(".") for host in hosts)

    @field_validator("api_key")
    @classmethod
    def _hard_to_guess(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value().lower() if key else ""
        published = any(word in text for word in _WORDS_OF_SAMPLES)
        if key and (len(text) < _SHORTEST_KEY or len(set(text)) < _FEWEST_CHARACTERS or published):
            reason = f"it can be guessed; take {_SHORTEST_KEY} random characters or more (`openssl rand -hex 32`)"
            raise ValueError(reason)
        return key

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            reason = "it begins with neither redis:// nor rediss:// nor unix://"
            raise ValueError(reason)
        return url

    @field_validator("jobs_database_url")
    @classmethod
    def _of_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not _POSTGRES.fullmatch(url.get_secret_value()):
            reason = "it is not of the form postgresql://user:password@host:port/name, with special characters as %40"
            raise ValueError(reason)
        return url

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        if host not in {"127.0.0.1", "::1", "localhost"}:
            reason = "only loopback addresses until user accounts exist"
            raise ValueError(reason)
        return host

    @model_validator(mode="after")
    def _switches_have_their_model(self) -> Self:
        needs_model = {
            "RAG_USE_HYDE": self.use_hyde,
            "RAG_USE_MULTI_QUERY": self.use_multi_query,
            "RAG_USE_COMPRESSION": self.use_compression,
            "RERANKING_METHOD=llm": self.reranking_method is RerankingMethod.LLM,
        }
        for name, wanted in needs_model.items():
            if wanted and not self.chat_providers:
                reason = f"{name} needs a model, and RAG_LLM_PROVIDERS names none"
                raise ValueError(reason)
        if self.embedding_model.startswith("openai:") and not self.embedding_base_url:
            reason = "RAG_EMBEDDING_MODEL=openai:… needs RAG_EMBEDDING_BASE_URL"
            raise ValueError(reason)
        return self

    def secrets(self) -> list[str]:
        """Every secret among them, for who must not show one."""
        groups = [self, *self.chat_providers, *self.s3_profiles, *self.git_profiles]
        values = [value for group in groups for _, value in group]
        return [found for value in values if isinstance(value, SecretStr) and (found := value.get_secret_value())]

    @property
    def sql_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'ragkeeper.db'}"


_PROVIDER_SETTING = re.compile(
    r"RAG_LLM_(?P<name>[A-Z0-9_]+?)_"
    r"(?P<field>BASE_URL|API_KEY|MODEL|REQUESTS_PER_MINUTE|PRICE_IN|PRICE_OUT|STATUS_PAGE)"
)


def setting_names() -> list[str]:
    """The names of all settings that are not per provider or profile, in table order."""
    return [field.alias or name for name, field in Settings.model_fields.items()]


def load_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
    """Settings from `environ` (default: the process environment) over the `.env` file.

    Raises SettingUnknown for an unknown `RAG_*` name and SettingInvalid for a value that cannot be used.
    """
    values = given_values(environ, dotenv)
    given = {name: values[name] for name in setting_names() if name in values and values[name] != ""}
    _refuse_unknown(values)
    groups = {
        "RAG_LLM_PROVIDERS": _providers(given.pop("RAG_LLM_PROVIDERS", ""), values),
        "RAG_S3_PROFILES": _profiles("S3", S3_SETTING, s3_profile, given.pop("RAG_S3_PROFILES", ""), values),
        "RAG_GIT_PROFILES": _profiles("GIT", GIT_SETTING, git_profile, given.pop("RAG_GIT_PROFILES", ""), values),
    }
    try:
        return Settings.model_validate({**given, **groups})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "combination"
        raise SettingInvalid(name=name, reason=first["msg"].removeprefix("Value error, ")) from error


def _refuse_unknown(values: Mapping[str, str]) -> None:
    known = set(setting_names())
    for name in sorted(values):
        if not name.startswith("RAG_") or name in known or _is_in_group(name):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise SettingUnknown(name=name, hint=f"; did you mean {near[0]}?" if near else "")


def _is_in_group(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in (_PROVIDER_SETTING, S3_SETTING, GIT_SETTING))


def _providers(names: str, values: Mapping[str, str]) -> tuple[ChatProvider, ...]:
    wanted = _named("RAG_LLM_PROVIDERS", _PROVIDER_SETTING, names, values)
    return tuple(_provider(name, values) for name in wanted)


def _profiles(
    group: str,
    pattern: re.Pattern[str],
    made: Callable[[str, str, Mapping[str, str]], _Profile],
    names: str,
    values: Mapping[str, str],
) -> tuple[_Profile, ...]:
    wanted = _named(f"RAG_{group}_PROFILES", pattern, names, values)
    try:
        return tuple(made(name, f"RAG_{group}_{_capital(name)}_", values) for name in wanted)
    except ProfileInvalid as error:
        raise SettingInvalid(name=error.name, reason=error) from error


def _named(group: str, pattern: re.Pattern[str], names: str, values: Mapping[str, str]) -> list[str]:
    """The names that a list setting gives; raises SettingInvalid for a setting of a name that is not in it."""
    wanted = _words(names)
    for name in sorted(values):
        match = pattern.fullmatch(name)
        if match and match["name"] not in {_capital(one) for one in wanted}:
            raise SettingInvalid(name=name, reason=f"{group} does not name {match['name'].lower()}")
    return wanted


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _capital(name: str) -> str:
    return name.upper().replace("-", "_")


def _provider(name: str, values: Mapping[str, str]) -> ChatProvider:
    prefix = f"RAG_LLM_{_capital(name)}_"
    for required in ("BASE_URL", "MODEL"):
        if not values.get(prefix + required):
            raise SettingInvalid(name=prefix + required, reason=f"the provider {name} needs it")
    return ChatProvider(
        name=name,
        base_url=values[prefix + "BASE_URL"],
        model=values[prefix + "MODEL"],
        api_key=SecretStr(values.get(prefix + "API_KEY", "")),
        requests_per_minute=_requests(prefix + "REQUESTS_PER_MINUTE", values),
        price_in=_price(prefix + "PRICE_IN", values),
        price_out=_price(prefix + "PRICE_OUT", values),
        status_page=values.get(prefix + "STATUS_PAGE") or None,
    )


def _requests(name: str, values: Mapping[str, str]) -> int | None:
    given = values.get(name)
    if not given:
        return None
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given) <= _MOST_REQUESTS:
        raise SettingInvalid(
            name=name, reason=f"it is a whole number from 1 to {_MOST_REQUESTS}; leave it out for none"
        )
    return int(given)


def _price(name: str, values: Mapping[str, str]) -> float:
    given = values.get(name) or "0"
    try:
        price = float(given)
    except ValueError:
        price = math.nan
    if not 0 <= price <= _HIGHEST_PRICE:
        raise SettingInvalid(name=name, reason="it is what a million tokens cost, a number such as 0.59")
    return price
