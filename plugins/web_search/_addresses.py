"""Which addresses the open web may have: everything else is refused before a connection is made.

The tables follow the special-purpose registries of IANA (RFC 6890), not `ipaddress.is_global`, which lets
multicast, 6to4, NAT64 and IPv4 inside IPv6 pass. Of IPv6 only 2000::/3 is handed out for the public
internet; an IPv4 address inside NAT64's well-known prefix or a mapped one is judged by itself, every other
way of carrying IPv4 (6to4, Teredo, ISATAP) is refused. Not covered: NAT64 prefixes that a network chose itself.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; some clouds have their metadata here
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, as seen from its machines
        "169.254.0.0/16",  # link-local, with the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",
    )
]
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def is_public(text: str) -> bool:
    """Return whether `text`, an address as the resolver writes it, belongs to the public internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        carried = _carried(address)
        if carried is None:
            return _is_public_6(address)
        address = carried
    return not any(address in network for network in _NOT_PUBLIC_4)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this one reach, where that may be a public one."""
    if address.scope_id is None and address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped if address.scope_id is None else None


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in _GLOBAL_6:
        return False
    is_tunnel = (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
    return not is_tunnel and not any(address in network for network in _NOT_PUBLIC_6)
