"""Addresses that calls come from, as they are counted and compared."""

import ipaddress

IPV6_PREFIX = 64
"""Whoever has one IPv6 address has all of its network; they count as one."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(text: str | None) -> Address | None:
    """Return an address; None where a server tells none, as one behind a unix socket."""
    try:
        return ipaddress.ip_address(text or "")
    except ValueError:
        return None


def neighborhood_of(text: str | None) -> str:
    """Return what an address is counted with: itself, or the network of an IPv6 one; unknown ones count together."""
    address = address_of(text)
    if address is None:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address.packed, IPV6_PREFIX), strict=False))
