"""Where a webhook may go: the address behind a name, checked and then used, so that it cannot change between."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TypeAlias

from service.errors import AddressError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def resolve(host: str, port: int, *, private: bool) -> str:
    """An address of a host that may be sent to.

    Args:
        host: name, or address.
        port: TCP port.
        private: whether loopback, private and link-local addresses are allowed.

    Raises:
        AddressError: the name is unknown, or any of its addresses is not allowed.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise AddressError(f"{host} is unknown: {error.strerror or error}") from None
    except UnicodeError:
        raise AddressError(f"{host} is no name of a host") from None
    addresses = [str(one[4][0]) for one in found]
    if not private and (
        refused := [one for one in addresses if not is_public(ipaddress.ip_address(one.split("%")[0]))]
    ):
        raise AddressError(f"{host} is {refused[0]}, which is not public; `private: true` allows it")
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether everybody can reach an address; one that wraps another counts as what it wraps."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
