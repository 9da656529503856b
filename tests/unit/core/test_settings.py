from pathlib import Path

import pytest

from ragkeeper.core.settings import SettingInvalid, Settings, SettingUnknown, load_settings, setting_names

NOWHERE = Path("/nonexistent/.env")


def load(**environ: str) -> Settings:
    return load_settings(environ, NOWHERE)


def test_defaults_need_nothing() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.retrieval_top_k) == ("127.0.0.1", 8000, 10)
    assert settings.sql_url.endswith("/ragkeeper-data/ragkeeper.db")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("RAG_PORT=9001\nRETRIEVAL_TOP_K=15\n")
    settings = load_settings({"RAG_PORT": "9002"}, dotenv)
    assert (settings.port, settings.retrieval_top_k) == (9002, 15)


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingUnknown, match=r"RAG_DATADIR .* did you mean RAG_DATA_DIR\?"):
        load(RAG_DATADIR="x")


def test_a_name_in_the_file_is_checked_too(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("RAG_PROT=1\n")
    with pytest.raises(SettingUnknown):
        load_settings({}, dotenv)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"RAG_PORT": "http"}, "RAG_PORT"),
        ({"RAG_HOST": "0.0.0.0"}, "RAG_HOST"),  # noqa: S104 - the address that must be refused
        ({"RERANKING_METHOD": "magic"}, "RERANKING_METHOD"),
        ({"RAG_USE_HYDE": "true"}, "RAG_USE_HYDE"),
        ({"RERANKING_METHOD": "llm"}, "RERANKING_METHOD=llm"),
        ({"RAG_LLM_PROVIDERS": "groq"}, "RAG_LLM_GROQ_BASE_URL"),
        ({"RAG_LLM_GROQ_MODEL": "m"}, "RAG_LLM_GROQ_MODEL"),
        ({"RAG_EMBEDDING_MODEL": "openai:m"}, "RAG_EMBEDDING_BASE_URL"),
        ({"RAG_FETCH_PRIVATE_HOSTS": "http://wiki.lan"}, "RAG_FETCH_PRIVATE_HOSTS"),
        ({"RAG_FETCH_PRIVATE_HOSTS": "*.lan"}, "RAG_FETCH_PRIVATE_HOSTS"),
        ({"RAG_S3_PROFILES": "minio"}, "RAG_S3_MINIO_ENDPOINT"),
        ({"RAG_S3_MINIO_REGION": "eu"}, "RAG_S3_MINIO_REGION"),
        (
            {"RAG_S3_PROFILES": "m", "RAG_S3_M_ENDPOINT": "https://s3.example", "RAG_S3_M_ACCESS_KEY": "a"},
            "RAG_S3_M_SECRET_KEY",
        ),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start_and_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingInvalid, match=named):
        load(**environ)


GROQ = {
    "RAG_LLM_PROVIDERS": "groq",
    "RAG_LLM_GROQ_BASE_URL": "https://api.example/v1",
    "RAG_LLM_GROQ_MODEL": "m",
}


def test_a_provider_may_have_a_limit_and_a_status_page() -> None:
    page = "https://status.example"
    limited = load(**GROQ, RAG_LLM_GROQ_REQUESTS_PER_MINUTE="28", RAG_LLM_GROQ_STATUS_PAGE=page).chat_providers[0]
    assert (limited.requests_per_minute, limited.status_page) == (28, page)
    plain = load(**GROQ, RAG_LLM_GROQ_REQUESTS_PER_MINUTE="").chat_providers[0]
    assert (plain.requests_per_minute, plain.status_page) == (None, None)


@pytest.mark.parametrize("given", ["0", "-1", "28.5", "many", "1000000", "²"])
def test_a_limit_that_is_none_stops_the_start(given: str) -> None:
    with pytest.raises(SettingInvalid, match="RAG_LLM_GROQ_REQUESTS_PER_MINUTE"):
        load(**GROQ, RAG_LLM_GROQ_REQUESTS_PER_MINUTE=given)


def test_providers_keep_their_order_and_hide_their_keys() -> None:
    settings = load(
        RAG_LLM_PROVIDERS="groq, local-one",
        RAG_LLM_GROQ_BASE_URL="https://example.org/v1",
        RAG_LLM_GROQ_MODEL="big",
        RAG_LLM_GROQ_API_KEY="hush",
        RAG_LLM_LOCAL_ONE_BASE_URL="http://127.0.0.1:1/v1",
        RAG_LLM_LOCAL_ONE_MODEL="small",
    )
    assert [provider.name for provider in settings.chat_providers] == ["groq", "local-one"]
    assert "hush" not in repr(settings)


def test_s3_profiles_hide_their_keys() -> None:
    settings = load(
        RAG_S3_PROFILES="minio-one",
        RAG_S3_MINIO_ONE_ENDPOINT="https://s3.example",
        RAG_S3_MINIO_ONE_ACCESS_KEY="reader",
        RAG_S3_MINIO_ONE_SECRET_KEY="hush",  # noqa: S106 - made up
    )
    (profile,) = settings.s3_profiles
    assert (profile.name, profile.endpoint, profile.region) == ("minio-one", "https://s3.example", "us-east-1")
    assert profile.secret_key.get_secret_value() == "hush"
    assert "hush" not in repr(settings)


def test_private_hosts_are_names_by_commas() -> None:
    assert load().fetch_private_hosts == ()
    hosts = load(RAG_FETCH_PRIVATE_HOSTS="Wiki.LAN, 10.0.0.5:8080,[::1]:80").fetch_private_hosts
    assert hosts == ("wiki.lan", "10.0.0.5:8080", "[::1]:80")


def test_settings_cannot_change() -> None:
    settings = load()
    with pytest.raises(Exception, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_every_setting_says_what_it_is_for() -> None:
    fields = Settings.model_fields.values()
    assert all(field.description and field.alias for field in fields)
    assert len(set(setting_names())) == len(setting_names())


def test_a_key_that_can_be_guessed_is_refused_and_not_repeated() -> None:
    random = "9f2c4e8a1b7d3f605c9e2a4b8d1f7036"
    assert load(API_KEY=random).api_key is not None
    for weak in ("test", random[1:], "ab" * 16, f"please-change-me-{random}"):
        with pytest.raises(SettingInvalid, match="API_KEY") as refused:
            load(API_KEY=weak)
        assert weak not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://keeper:hunter2@db.lan:5432/jobs",
        "postgresql+psycopg://keeper:hunter2@[::1]/jobs?sslmode=require",
        "postgresql://keeper@db.lan/jobs",
        "postgresql:///jobs?host=/run/postgresql",
    ],
)
def test_jobs_may_lie_in_postgresql(url: str):
    settings = load_settings({"RAG_JOBS_DATABASE_URL": url})
    assert settings.jobs_database_url is not None
    assert settings.jobs_database_url.get_secret_value() == url
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://keeper:hunter2@db.lan/jobs",
        "postgresql://keeper:hunter2@db.lan",
        "postgresql://keeper:hunter2@db.lan:port/jobs",
        "postgresql://keeper:hunter2/@db.lan/jobs",
        "sqlite:///hunter2.db",
    ],
)
def test_other_places_for_jobs_are_refused_without_a_word_of_the_password(url: str):
    with pytest.raises(SettingInvalid) as caught:
        load_settings({"RAG_JOBS_DATABASE_URL": url})
    assert "RAG_JOBS_DATABASE_URL" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_git_profiles_hide_their_tokens_and_read_them_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = load(
        RAG_GIT_PROFILES="work,home",
        RAG_GIT_WORK_HOST="Git.Example.org:8443",
        RAG_GIT_WORK_TOKEN_FILE=str(file),
        RAG_GIT_HOME_HOST="git.lan",
        RAG_GIT_HOME_TOKEN="hush",  # noqa: S106 - made up
        RAG_GIT_HOME_USER="oauth2",
    )
    work, home = settings.git_profiles
    assert (work.host, work.user, home.user, home.read_token()) == ("git.example.org:8443", "git", "oauth2", "hush")
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        assert work.read_token() == token
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"TOKEN": "hush"}, "RAG_GIT_WORK_HOST"),
        ({"HOST": "https://git.lan/x", "TOKEN": "hush"}, "RAG_GIT_WORK_HOST"),
        ({"HOST": "git.lan"}, "RAG_GIT_WORK_TOKEN_FILE"),
        ({"HOST": "git.lan", "TOKEN": "hush", "TOKEN_FILE": "/run/token"}, "RAG_GIT_WORK_TOKEN_FILE"),
    ],
)
def test_a_git_profile_that_cannot_work_stops_the_start(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        load(RAG_GIT_PROFILES="work", **{f"RAG_GIT_WORK_{name}": value for name, value in given.items()})
    assert named in caught.value.message
    assert "hush" not in caught.value.message


PROVIDER = {"RAG_LLM_PROVIDERS": "a", "RAG_LLM_A_BASE_URL": "http://localhost/v1", "RAG_LLM_A_MODEL": "m"}


def test_a_model_has_its_prices() -> None:
    [provider] = load(**PROVIDER, RAG_LLM_A_PRICE_IN="0.59").chat_providers
    assert (provider.price_in, provider.price_out) == (0.59, 0)


@pytest.mark.parametrize("price", ["cheap", "-1", "nan", "inf"])
def test_a_price_is_a_number(price: str) -> None:
    with pytest.raises(SettingInvalid, match="RAG_LLM_A_PRICE_OUT"):
        load(**PROVIDER, RAG_LLM_A_PRICE_OUT=price)


def test_all_secrets_are_known_to_who_hides_them() -> None:
    key, token = "k" * 8 + "0123456789abcdefghij0123456789", "metrics-42"
    settings = load(**PROVIDER, API_KEY=key, RAG_METRICS_TOKEN=token, RAG_LLM_A_API_KEY="of-the-model")
    assert {key, token, "of-the-model"} <= set(settings.secrets())
