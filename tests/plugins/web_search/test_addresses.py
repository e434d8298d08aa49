"""What is not on the public internet, in every form that a resolver can return it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.web_search._addresses import is_public

PRIVATE_4 = [
    "0.0.0.0",
    "10.1.2.3",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.178.1",
    "198.19.255.255",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
]


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.0.1", "172.32.0.1", "223.5.5.5"])
def test_public(address: str) -> None:
    assert is_public(address)
    assert is_public(f"::ffff:{address}")
    assert is_public(f"64:ff9b::{address}")


@pytest.mark.parametrize("address", PRIVATE_4)
def test_not_public_however_it_is_wrapped(address: str) -> None:
    assert not is_public(address)
    high, low = divmod(int(IPv4Address(address)), 1 << 16)
    for wrapped in (
        f"::ffff:{address}",  # mapped
        f"::{address}",  # compatible
        f"::ffff:0:{address}",  # translated
        f"64:ff9b::{address}",  # NAT64
        f"64:ff9b:1::{address}",
        f"2002:{high:x}:{low:x}::1",  # 6to4
        f"2001:0:{high:x}:{low:x}::",  # Teredo, by its server
        f"2001::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",  # and by its client
        f"2606:4700::5efe:{address}",  # ISATAP
        f"fe80::5efe:{address}",
    ):
        assert not is_public(wrapped), wrapped


@pytest.mark.parametrize(
    "address",
    ["::", "::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%1", "::ffff:1.1.1.1%2", "fc00::1", "fd12::1", "fec0::1"]
    + ["ff02::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1", "2002:101:101::1"],
)
def test_not_public_6(address: str) -> None:
    assert not is_public(address)


def test_public_6() -> None:
    assert is_public("2606:4700:4700::1111") and is_public("2400:3200::1")


@pytest.mark.parametrize("text", ["", "localhost", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "1.1.1.1/8"])
def test_only_addresses_as_resolvers_write_them(text: str) -> None:
    assert not is_public(text)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_never_more_than_the_standard_library_allows(address: IPv4Address) -> None:
    assert not is_public(str(address)) or (address.is_global and not address.is_multicast)


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_only_global_unicast_of_version_6(address: IPv6Address) -> None:
    if is_public(str(address)):
        assert address.packed[0] >> 5 == 1 or address.packed[:12] in (
            bytes(10) + b"\xff\xff",
            b"\0d\xff\x9b" + bytes(8),
        )
