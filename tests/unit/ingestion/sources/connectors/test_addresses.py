import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.sources.connectors.addresses import check_answer, check_url, embedded, is_listed, is_public
from ragkeeper.ingestion.sources.errors import AddressRefused

HIDDEN = [
    "0.0.0.0",  # noqa: S104 - an address that must be refused
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
OPEN = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", HIDDEN)
def test_addresses_that_are_not_everybodys_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OPEN)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_a_wrapped_address_is_as_public_as_the_one_inside(inner: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        wrapped = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(inner))
        assert embedded(wrapped) == inner
        assert is_public(wrapped) == is_public(inner)


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_otherwise(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    inner = embedded(address) or address
    if is_public(address):
        assert inner.is_global
        assert not inner.is_multicast
        assert not inner.is_reserved


@pytest.mark.parametrize(
    "url",
    [
        "http://127.1",
        "http://2130706433/",
        "http://0x7f.1",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0/",
        "http://127.0.0.1.5/",
        "http://127.0.0.0x1/",
        "http://user@example.org/",
        "http://user:pass@example.org/",
        "http://example.org:22/",
        "https://example.org:8443/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "//example.org/",
        "example.org",
        "http://",
        "http:///etc",
        "http://[::1",
        "http://exa mple.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org/\r\nHost: x",
        "http://example.org/" + "x" * 3000,
        "http://\u2460\u2461\u2466.0.0.1/",
    ],
)
def test_addresses_are_refused_for_their_form(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, ())


@given(st.ip_addresses(v=4), st.sampled_from(["{:d}", "0x{:x}", "0{:o}"]))
def test_a_number_is_no_host(address: ipaddress.IPv4Address, notation: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(f"http://{notation.format(int(address))}/", ())


@given(st.text(max_size=40))
def test_any_text_is_checked_or_refused(text: str) -> None:
    for url in (text, f"http://{text}/", f"http://example.org/{text}"):
        try:
            target = check_url(url, ())
        except AddressRefused as refused:
            assert refused.message  # noqa: PT017 - the other outcome is as good
        else:
            assert target.url.scheme in {"http", "https"}
            assert target.port in {80, 443}
            assert target.host


def test_a_name_is_told_in_ascii_without_its_dot() -> None:
    target = check_url("https://B\u00fccher.Example.:443/a/../b?c#d", ())
    assert (target.host, target.port) == ("xn--bcher-kva.example", 443)
    assert str(target.url) == "https://xn--bcher-kva.example./b?c"


def test_a_message_shows_no_password() -> None:
    with pytest.raises(AddressRefused) as refused:
        check_url("http://user:hush@example.org/", ())
    assert "hush" not in refused.value.message


def test_listed_hosts_may_have_other_ports() -> None:
    assert is_listed("wiki.lan", 8080, ("wiki.lan",))
    assert is_listed("wiki.lan", 8080, ("wiki.lan:8080",))
    assert not is_listed("wiki.lan", 8081, ("wiki.lan:8080",))
    assert is_listed("::1", 80, ("[::1]:80",))
    assert check_url("http://wiki.lan:8080/", ("wiki.lan",)).may_be_private
    assert not check_url("http://other.lan/", ("wiki.lan",)).may_be_private


@pytest.mark.parametrize("address", HIDDEN)
def test_a_hidden_address_refuses_the_host_among_public_ones_too(address: str) -> None:
    target = check_url("http://example.org/", ())
    with pytest.raises(AddressRefused, match="not public"):
        check_answer(target, ["1.1.1.1", address])


def test_no_address_is_none_to_connect_to() -> None:
    with pytest.raises(AddressRefused):
        check_answer(check_url("http://example.org/", ()), [])


def test_a_listed_host_may_be_private_but_not_the_clouds_own() -> None:
    target = check_url("http://wiki.lan/", ("wiki.lan",))
    inside = ["10.0.0.5", "127.0.0.1", "::1", "fd12::1"]
    assert check_answer(target, inside) == inside
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "224.0.0.1", "fd00:ec2::254"):
        with pytest.raises(AddressRefused):
            check_answer(target, [address])


@pytest.mark.parametrize("url", ["//u:p@//", "https://[fe80::1%25eth0]ß[v1.a]/", "b.chttps://[fe80::1%25eth0]℀]]"])
def test_what_can_only_be_taken_apart_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, ())


@pytest.mark.parametrize(
    "url", ["https://user:secret@x.org/a b", "https://user:secret@x.org\\", f"https://u:secret@{'x' * 3000}"]
)
def test_what_is_refused_for_its_spelling_is_not_told_with_its_password(url: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        check_url(url, ())
    assert "secret" not in caught.value.message
