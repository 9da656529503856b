"""Which caches the settings make, what their keys depend on, and that no password is told."""

import pytest

from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import SettingInvalid, load_settings
from ragkeeper.entrypoints.caches import open_caches, settings_digest

NAMES = ("REDIS_URL", "REDIS_PASSWORD", "RAG_PORT", "RAG_LOG_LEVEL", "RAG_CACHE_MB", "RAG_CACHE_ANSWER_SECONDS")
VALUES = ("redis://localhost/1", "secret", "9000", "debug", "16", "60")


def test_what_changes_answers_changes_their_keys_and_nothing_else_does():
    plain = settings_digest(load_settings({}))
    assert settings_digest(load_settings(dict(zip(NAMES, VALUES, strict=True)))) == plain
    model = {"RAG_LLM_PROVIDERS": "a", "RAG_LLM_A_BASE_URL": "http://a/v1", "RAG_LLM_A_MODEL": "one"}
    changed = [
        {"RETRIEVAL_TOP_K": "3"},
        {"RAG_FUSION_METHOD": "rrf"},
        {"RAG_ANSWER_TOKENS": "100"},
        model,
        {**model, "RAG_LLM_A_MODEL": "two"},
        {**model, "RAG_LLM_A_BASE_URL": "http://b/v1"},
        {**model, "RAG_USE_HYDE": "true"},
    ]
    digests = [settings_digest(load_settings(one)) for one in changed]
    assert len({plain, *digests}) == len(changed) + 1


def test_a_model_s_key_may_change_without_losing_what_it_wrote():
    model = {"RAG_LLM_PROVIDERS": "a", "RAG_LLM_A_BASE_URL": "http://a/v1", "RAG_LLM_A_MODEL": "one"}
    one, other = [settings_digest(load_settings({**model, "RAG_LLM_A_API_KEY": key})) for key in ("k1", "k2")]
    assert one == other


def test_without_the_switch_nothing_is_cached():
    caches = open_caches(load_settings({}), Metrics())
    assert caches.of_searches() is None
    assert caches.redis is None


async def test_with_an_address_redis_is_used():
    caches = open_caches(load_settings({"REDIS_URL": "redis://localhost:1/1", "RAG_USE_CACHE": "true"}), Metrics())
    assert caches.of_searches() is not None
    assert caches.redis is not None
    assert caches.store.name == "redis"
    await caches.store.close()


@pytest.mark.parametrize("url", ["http://:hidden@host/1", "redis://:hid:den@x:hidden/1", "redis://host:hidden/1"])
def test_an_address_that_is_none_is_told_without_its_password(url: str):
    with pytest.raises(SettingInvalid) as caught:
        open_caches(load_settings({"REDIS_URL": url}), Metrics())
    assert "REDIS_URL" in caught.value.message
    assert "hidden" not in caught.value.message


def test_passwords_are_not_shown():
    settings = load_settings({"REDIS_URL": "redis://:hidden@localhost/1", "REDIS_PASSWORD": "hidden"})
    assert "hidden" not in repr(settings) + settings.model_dump_json()
