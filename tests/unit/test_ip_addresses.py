"""The IP address that a host spells is found without a resolver."""

from __future__ import annotations

import pytest

from pipeline.core.ip_addresses import is_internal_host, parse_host_address


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("2130706433", "127.0.0.1"),
        ("0x7F.1", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("192.168.257", "192.168.1.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[fe80::1%25eth0]", "fe80::1"),
        ("%31%32%37.0.0.1", "127.0.0.1"),
        ("①②⑦。0．0｡1", "127.0.0.1"),
        ("example.org", ""),
        ("127.0.0.1.example.org", ""),
        ("256.1.1.1", ""),
        ("08.1.1.1", ""),
        ("1.2.3.4.5", ""),
        ("", ""),
        ("4294967296", ""),
    ],
)
def test_a_host_spells_the_address_that_a_resolver_would_read(host: str, address: str) -> None:
    assert parse_host_address(host) == address


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "[::127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "0251.0376.43518",
    ],
)
def test_a_spelled_internal_address_is_internal(host: str) -> None:
    assert is_internal_host(host)


@pytest.mark.parametrize(
    "host",
    ["93.184.216.34", "0x5db8d822", "[2606:2800:220:1::1]", "example.org", "notlocalhost", ""],
)
def test_public_addresses_and_names_are_not_internal(host: str) -> None:
    assert not is_internal_host(host)
