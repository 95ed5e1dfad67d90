"""Which addresses are of the open Internet, and which address a host in a URL spells, however oddly.

Promises pure functions without a resolver. A host that is a name says nothing of where it leads: that is judged when it is
resolved, in the crawler's `guards`.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

NAT64 = IPv6Network("64:ff9b::/96")
TRANSLATED = IPv6Network("::ffff:0:0:0/96")
# Inner networks that Python calls global: site-local addresses of old, and translation within a network.
EXTRA_INTERNAL_NETWORKS = (IPv6Network("fec0::/10"), IPv6Network("64:ff9b:1::/48"))
DOTS = re.compile("[\u3002\uff0e\uff61]")  # which name resolution takes for the dot
PART = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
OWN_NAMES = ("localhost", "localhost.localdomain")


def is_public_address(address: str) -> bool:
    """Whether an address is one of the open Internet. Addresses that carry an IPv4 address inside are judged by that."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and any(
        parsed in network for network in EXTRA_INTERNAL_NETWORKS
    ):
        return False
    return all(each.is_global and not each.is_multicast for each in (parsed, *_inside(parsed)))


def _inside(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    if isinstance(address, IPv4Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if (
        address in NAT64 or address in TRANSLATED or 0xFFFF < int(address) <= 0xFFFFFFFF
    ):  # the last are the old `::127.0.0.1`
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(each for each in found if each is not None)


def is_internal_host(host: str) -> bool:
    """Whether a host of a URL spells an address that is not of the open Internet, or is a name for this machine."""
    plain = _plain(host)
    if plain in OWN_NAMES or plain.endswith(".localhost"):
        return True
    address = parse_host_address(plain)
    return bool(address) and not is_public_address(address)


def parse_host_address(host: str) -> str:
    """The address that a host spells: dotted, as one number, octal, hexadecimal, in brackets, with other digits; "" for a
    name."""
    plain = _plain(host)
    try:
        return str(ip_address(plain.partition("%")[0]))
    except ValueError:
        return _as_inet_aton(plain)


def _plain(host: str) -> str:
    text = unicodedata.normalize("NFKC", DOTS.sub(".", unquote(host)))
    return text.strip().strip("[]").rstrip(".").lower()


def _as_inet_aton(host: str) -> str:
    """The C library's reading of one to four numbers: the last one fills all bytes that are left."""
    parts = host.split(".")
    if not 0 < len(parts) <= 4 or not all(PART.fullmatch(part) for part in parts):
        return ""
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:  # an octal number with a nine
        return ""
    *leading, last = numbers
    room = 8 * (4 - len(leading))
    if any(number > 255 for number in leading) or last >= 1 << room:
        return ""
    value = last
    for place, number in enumerate(leading):
        value |= number << (24 - 8 * place)
    return str(IPv4Address(value))


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)
