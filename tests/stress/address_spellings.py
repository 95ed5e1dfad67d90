"""Spellings of internal addresses: loopback, private, link-local, shared and special ones.

Each is a host as it may be in a URL. Those of this machine reach the connection counter if nothing
stops them.
"""

from __future__ import annotations

LOOPBACK = (
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "foo.localhost",
    "localhost.localdomain",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "0x7F.1",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000177.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:7F00:0001]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[::1%25lo]",
    "[::1%lo]",
    "127.0.0.1%20",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "１２７.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "①②⑦.⓪.⓪.①",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "me:secret@127.0.0.1",
    "example.org@127.0.0.1",
    "example.org%23@127.0.0.1",
    "127.0.0.1\\@example.org",
    "127.00.000.0001",
    "127.127.127.127",
    "127.0.0.3",
)
PRIVATE = (
    "10.0.0.1",
    "10.1",
    "0x0a000001",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "192.168.257",
    "169.254.169.254",
    "0xA9FEA9FE",
    "2852039166",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
)
# Some URL parsers take the first part as the host, others the second one, which is external.
AMBIGUOUS = "127.0.0.1\\@example.org"
# Names that the resolver of the stress test resolves to an internal address.
NAMES = {
    "inner.example.org": "127.0.0.1",
    "six.example.org": "::1",
    "mapped.example.org": "::ffff:127.0.0.1",
    "meta.example.org": "169.254.169.254",
}
ALL = (*LOOPBACK, *PRIVATE, *NAMES)

# Names of its own are resolved. Other names of example.org do not exist.
RESOLVER = '''"""The resolver of the stress test."""
import socket
NAMES = {names!r}
original = socket.getaddrinfo
def getaddrinfo(host, *words, **more):
    name = host.decode() if isinstance(host, bytes) else host
    bare = (name or "").rstrip(".").lower()
    if bare.endswith("example.org") and bare not in NAMES:
        raise socket.gaierror(socket.EAI_NONAME, "not known in this stress test")
    return original(NAMES.get(bare, name), *words, **more)
socket.getaddrinfo = getaddrinfo
'''
# Added to the resolver to test the check of resolved addresses alone.
WITHOUT_URL_GUARD = """
import pipeline.core.ip_addresses
pipeline.core.ip_addresses.is_internal_host = lambda host: False
"""
