"""Where a request comes from, as far as that can be believed: address, scheme, and whether our own page sent it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

from starlette.requests import HTTPConnection

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNKNOWN = "unknown"


class Callers:
    """Reads what proxies add to a request, if they are among those that are trusted.

    Args:
        trusted: addresses and networks, see `service.config.AccessConfig`.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted: tuple[Network, ...] = tuple(ipaddress.ip_network(one) for one in trusted)

    def address(self, request: HTTPConnection) -> str:
        """The client's address: the last of all hops that is not a trusted proxy's; "unknown" where there is none."""
        hops = [request.client.host if request.client else ""]
        # Each proxy adds the address that it sees at the end, so what a client made up stands before that.
        for header in reversed(request.headers.getlist("x-forwarded-for")):
            hops += [hop.strip() for hop in reversed(header.split(","))]
        found = _UNKNOWN
        for hop in hops:
            if (address := _plain(hop)) is None:
                break
            found = str(address)
            if not self._trusts(hop):
                break
        return found

    def secure(self, request: HTTPConnection) -> bool:
        """Whether the client's browser spoke https."""
        said = self._said(request, "x-forwarded-proto") or request.url.scheme
        return said.lower() == "https"

    def same_origin(self, request: HTTPConnection) -> bool:
        """False where a browser says that a page of another origin sent it; programs that are no browsers say nothing.

        `Sec-Fetch-Site` cannot be set by pages; browsers that do not send it here send `Origin`.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = request.headers.get("origin")
        if origin is None:
            return True
        host = self._said(request, "x-forwarded-host") or request.headers.get("host", "")
        return bool(host) and origin.partition("://")[2].lower() == host.lower()

    def _said(self, request: HTTPConnection, header: str) -> str:
        """What the nearest proxy says, if it is trusted."""
        if request.client is not None and not self._trusts(request.client.host):
            return ""
        return request.headers.get(header, "").rpartition(",")[2].strip()

    def _trusts(self, host: str) -> bool:
        address = _plain(host)
        return address is not None and any(address in network for network in self._trusted)


def _plain(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def household(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 network that one IPv6 client has to itself."""
    found = _plain(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address
