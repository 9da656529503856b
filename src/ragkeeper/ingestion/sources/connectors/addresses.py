"""Which addresses may be fetched: decisions only, no lookups.

Sources: the special-purpose registries of IANA (RFC 6890 and its successors) and the WHATWG URL standard for the many
ways to write an IPv4 address.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from ragkeeper.ingestion.sources.errors import AddressRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST_URL = 2000
_USER = re.compile(r"//.*@", re.DOTALL)
_UNWANTED = re.compile(r"[\x00-\x20\x7f\\]")

# Never fetched, not even from a host that may be private: what answers there is the machine's or the cloud's own.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # Alibaba Cloud's metadata
        "168.63.129.16/32",  # Azure's platform address, public by number
        "169.254.0.0/16",  # link-local, with the metadata of most clouds
        "192.0.0.0/24",  # protocol assignments, with Oracle Cloud's metadata
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fd00:ec2::254/128",  # Amazon's metadata over IPv6
        "fd20:ce::254/128",  # Google's
        "fe80::/10",
        "ff00::/8",
    )
)
# Fetched only from hosts that the operator names.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001::/23",  # Teredo and other assignments
        "2001:db8::/32",
        "3fff::/20",
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """A checked web address. host: ASCII, lower case, without brackets; an IPv6 host holds colons."""

    url: httpx.URL
    host: str
    port: int
    may_be_private: bool

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.url.scheme, self.host, self.port


def check_url(text: str, private_hosts: Sequence[str]) -> Target:
    """The address in parts, without its fragment. Raises AddressRefused when its form alone forbids it."""
    url, host = _parsed(text)
    port = url.port or _DEFAULT_PORTS.get(url.scheme, 0)
    listed = is_listed(host, port, private_hosts)
    reason = _objection(url, host, port, is_listed=listed)
    if reason:
        raise AddressRefused(address=_shown(url), reason=reason)
    return Target(url, host, port, listed)


def is_listed(host: str, port: int, private_hosts: Sequence[str]) -> bool:
    """Whether the operator lets this host be private, on this port or on all."""
    name = f"[{host}]" if ":" in host else host
    return any(entry in {host, name, f"{name}:{port}"} for entry in private_hosts)


def check_answer(target: Target, answer: Sequence[str]) -> list[str]:
    """The addresses that may be connected to, in the order given: all of an answer, or AddressRefused for all of it.

    One public address among private ones refuses the host: whoever mixes them is after the private one.
    """
    if not answer:
        raise AddressRefused(address=_shown(target.url), reason="its host has no address")
    for one in answer:
        if not _may_connect(_plain(one), target):
            raise AddressRefused(address=_shown(target.url), reason=f"its host is at {one}, which is not public")
    return list(answer)


def is_public(address: Address) -> bool:
    """Whether anyone on the internet can reach the address: private, reserved and translated ones are not."""
    inner = embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6:
        return False
    return not _is_in(address, _NEVER) and not _is_in(address, _PRIVATE) and address.is_global


def embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, translated (NAT64) or tunnelled (6to4)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _may_connect(address: Address, target: Target) -> bool:
    if not target.may_be_private:
        return is_public(address)
    inner = embedded(address) or address
    return not _is_in(inner, _NEVER)


def _plain(text: str) -> Address:
    """An address without its zone (`fe80::1%eth0`)."""
    return ipaddress.ip_address(text.partition("%")[0])


def _is_in(address: Address, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _parsed(text: str) -> tuple[httpx.URL, str]:
    """The address and its host."""
    if len(text) > _LONGEST_URL:
        raise AddressRefused(address=_quoted(text), reason=f"it has more than {_LONGEST_URL} characters")
    if _UNWANTED.search(text):
        raise AddressRefused(address=_quoted(text), reason="it holds spaces, control characters or backslashes")
    try:
        url = httpx.URL(text).copy_with(fragment=None)
        _shown(url)  # some addresses can be taken apart and not put together again
        return url, url.raw_host.decode("ascii").lower().strip("[]").rstrip(".")
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused(address=_quoted(text), reason="it is not a web address") from error


def _objection(url: httpx.URL, host: str, port: int, *, is_listed: bool) -> str | None:
    if url.scheme not in _DEFAULT_PORTS:
        return "only http and https are fetched"
    if url.userinfo or "@" in url.netloc.decode("ascii"):
        return "it carries a user name or a password"
    if not host:
        return "it names no host"
    if _is_odd_number(host):
        return "its host is an IP address in an unusual notation"
    if port not in _DEFAULT_PORTS.values() and not is_listed:
        return f"port {port} is neither 80 nor 443"
    return None


def _is_odd_number(host: str) -> bool:
    """Whether resolvers would read a name as a number: `2130706433`, `0x7f.1`, `127.1`, `0177.0.0.1`."""
    last = host.rpartition(".")[2]
    if ":" in host or not re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", last):
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False


def _quoted(text: str) -> str:
    """The beginning of what is no address, without what may be a password."""
    return ascii(_USER.sub("//***@", text)[:80])


def _shown(url: httpx.URL) -> str:
    """The address as messages show it: never with a password."""
    return str(url.copy_with(userinfo=b"") if url.userinfo else url)
