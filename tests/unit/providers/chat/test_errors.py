import pytest

from ragkeeper.providers.chat.errors import ChatError, ChatModelUnknown, ChatRateLimited, ChatRefused, ChatTimedOut


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ChatTimedOut(provider="groq", seconds=30.0, phase="first token"), "within 30 seconds (first token)"),
        (ChatRateLimited(provider="groq", retry_after=2), "groq is limiting"),
        (ChatRefused(provider="groq", provider_status=401, reason="bad key"), "status 401: bad key"),
        (ChatModelUnknown(provider="groq", model="m", offered="a, b"), "the model m; it offers: a, b"),
    ],
)
def test_message_says_what_happened_and_who_can_fix_it(error: ChatError, text: str) -> None:
    assert text in error.message
    assert error.advice


def test_codes_are_distinct() -> None:
    kinds = ChatError.__subclasses__()
    assert len({kind.code for kind in [ChatError, *kinds]}) == len(kinds) + 1
