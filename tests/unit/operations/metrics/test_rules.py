import pytest

from ragkeeper.operations.metrics.rules import asks_from_this_machine, holds_token

HERE = {"host": "localhost:8000"}


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.0.1", "::1"])
@pytest.mark.parametrize("host", ["localhost:8000", "localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_this_machine_asks(client: str, host: str):
    assert asks_from_this_machine(client, {"host": host})


@pytest.mark.parametrize("client", [None, "", "10.0.0.7", "testclient"])
def test_another_machine_or_an_unknown_one_does_not(client: str | None):
    assert not asks_from_this_machine(client, HERE)


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "x-forwarded-proto", "forwarded", "x-real-ip", "via", "cf-connecting-ip"]
)
def test_a_proxy_here_asks_for_somebody_else(header: str):
    assert not asks_from_this_machine("127.0.0.1", {**HERE, header: "10.0.0.7"})


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[", "10.0.0.1"])
def test_a_page_that_has_its_own_name_point_here_does_not(host: str):
    assert not asks_from_this_machine("127.0.0.1", {"host": host})


def test_the_token_opens():
    assert holds_token("Bearer abc", "abc")
    assert holds_token("bearer abc ", "abc")


@pytest.mark.parametrize("header", ["Bearer abd", "Basic abc", "", "Bearer ", "Bearer \u00e4", "abc"])
def test_anything_else_does_not(header: str):
    assert not holds_token(header, "abc")
    assert not holds_token(header, "")
