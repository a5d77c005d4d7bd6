"""The address that a request comes from, where proxies may stand between."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: What a provider gives to one customer, who then has 2**64 addresses.
_IPV6_CUSTOMER = 64


@dataclass(frozen=True, slots=True)
class Networks:
    """Addresses and networks that are treated alike."""

    networks: tuple[Network, ...] = ()

    def __contains__(self, address: Address) -> bool:
        return any(address in network for network in self.networks)

    def __str__(self) -> str:
        return ",".join(map(str, self.networks))


def parse_networks(text: str) -> Networks:
    """Addresses and networks from a text such as ``10.2.0.5, fd00::/8``.

    Raises:
        ValueError: With the form that is wanted.
    """
    try:
        return Networks(tuple(ip_network(one) for one in text.replace(",", " ").split()))
    except ValueError as error:
        raise ValueError(f"not addresses or networks such as 10.2.0.5 or fd00::/8 ({error})") from None


def client_address(peer: str, forwarded: Iterable[str], proxies: Networks) -> Address | None:
    """Who sent a request: the nearest address that is no trusted proxy.

    What a proxy is told by others may be made up. So only those proxies are believed that the installation names, and
    each only about who is next to it.

    Args:
        peer: The address at the other end of the connection.
        forwarded: The values of ``X-Forwarded-For``, in their order.
        proxies: The trusted proxies.

    Returns:
        The address; None if the peer has none, as on a Unix socket.
    """
    address = _parse(peer)
    hops = [hop for value in forwarded for hop in value.split(",")]
    while address is not None and hops and address in proxies:
        further = _parse(hops.pop().strip())
        if further is None:
            break
        address = further
    return address


def limited_as(address: Address | None) -> Network | None:
    """The network whose requests are counted together: an IPv4 address, or the /64 of an IPv6 one."""
    if address is None:
        return None
    prefix = _IPV6_CUSTOMER if isinstance(address, IPv6Address) else address.max_prefixlen
    return ip_network((address, prefix), strict=False)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
