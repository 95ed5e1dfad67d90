"""Tell public IP addresses from internal ones, and find the address that a host in a URL spells.

Nothing here resolves names. A name may lead anywhere: the crawler checks it when it is resolved.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 7915
# Networks that Python calls global: site-local addresses (RFC 3879), local NAT64 (RFC 8215).
EXTRA_INTERNAL_NETWORKS = (IPv6Network("fec0::/10"), IPv6Network("64:ff9b:1::/48"))
DOTS = re.compile("[\u3002\uff0e\uff61]")  # that name resolution takes for a dot (RFC 3490)
NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
LOCAL_NAMES = ("localhost", "localhost.localdomain")
IPV4_BYTES = 4


def is_public_address(address: str) -> bool:
    """Return whether an address is one of the public Internet.

    An IPv6 address that contains an IPv4 address is public only if both are.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if any(parsed in network for network in EXTRA_INTERNAL_NETWORKS):
            return False
        if not all(map(_is_global, _ipv4_inside(parsed))):
            return False
    return _is_global(parsed)


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast


def _ipv4_inside(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address contains."""
    candidates = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    is_compatible = 0xFFFF < int(address) <= 0xFFFFFFFF  # the old form `::127.0.0.1`
    if address in NAT64 or address in TRANSLATED or is_compatible:
        candidates.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [candidate for candidate in candidates if candidate is not None]


def is_internal_host(host: str) -> bool:
    """Return whether a host spells an address that is not public, or names this machine.

    Args:
        host: The host of a URL, in any spelling that browsers understand: names, dotted, decimal,
            octal or hexadecimal numbers, IPv6 in brackets.

    Returns:
        True for loopback, private, link-local and other addresses that are not global (RFC 6890),
        and for `localhost`. A name is not resolved.
    """
    plain = _normalize(host)
    if plain in LOCAL_NAMES or plain.endswith(".localhost"):
        return True
    address = parse_host_address(plain)
    return bool(address) and not is_public_address(address)


def parse_host_address(host: str) -> str:
    """Return the IP address that a host spells.

    Args:
        host: Dotted, as one number, octal, hexadecimal, in brackets, or with other digits.

    Returns:
        The address in its usual form; "" for a name.
    """
    plain = _normalize(host)
    try:
        return str(ip_address(plain.partition("%")[0]))
    except ValueError:
        return _parse_inet_aton(plain)


def _normalize(host: str) -> str:
    text = unicodedata.normalize("NFKC", DOTS.sub(".", unquote(host)))
    return text.strip().strip("[]").rstrip(".").lower()


def _parse_inet_aton(host: str) -> str:
    """Parse one to four numbers as inet_aton(3) does: the last one fills all remaining bytes."""
    parts = host.split(".")
    if len(parts) > IPV4_BYTES or not all(NUMBER.fullmatch(part) for part in parts):
        return ""
    try:
        numbers = [_parse_number(part) for part in parts]
    except ValueError:  # an octal number with a nine
        return ""
    *leading, last = numbers
    last_bits = 8 * (IPV4_BYTES - len(leading))
    if any(number > 255 for number in leading) or last >= 1 << last_bits:
        return ""
    value = last
    for index, number in enumerate(leading):
        value |= number << (24 - 8 * index)
    return str(IPv4Address(value))


def _parse_number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)
