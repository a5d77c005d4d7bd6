"""Listeners of a broker behind proxies, for clients and for the other nodes of the cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.kafka.ports import HOST


@dataclass(frozen=True, slots=True)
class ProxiedListener:
    """A listener of a broker that clients or other nodes reach through a proxy.

    Attributes:
        name: The listener's name; upper-case letters and digits.
        port: The port on which the broker listens.
        advertised_port: The proxy's port, to which others are told to connect.
        plain: Whether it is in plain text in a secure cluster too, where whoever connects to it may do everything.
    """

    name: str
    port: int
    advertised_port: int
    plain: bool = False


@dataclass(frozen=True, slots=True)
class PeerListeners:
    """The listeners of a node for the other nodes of the cluster.

    Attributes:
        brokers: For replication and all other requests between brokers.
        controllers: For the controllers' quorum, and for the brokers' requests to the active controller.
    """

    brokers: ProxiedListener
    controllers: ProxiedListener


def properties(
    plain_port: int, controller_port: int, proxied: Sequence[ProxiedListener], peers: PeerListeners | None
) -> str:
    """The settings that override those of the template: if a name occurs twice, Kafka uses the last one.

    Args:
        plain_port: The port of the listener without a proxy, for any client.
        controller_port: The port of the controllers' listener.
        proxied: Listeners for clients.
        peers: Listeners for the other nodes; None if they reach this node without a proxy.
    """
    if not proxied and peers is None:
        return ""
    lines = listener_lines({"PLAINTEXT": plain_port, "CONTROLLER": controller_port}, proxied, peers, {})
    return "\n" + "\n".join(lines) + "\n"


def listener_lines(
    direct: Mapping[str, int],
    proxied: Sequence[ProxiedListener],
    peers: PeerListeners | None,
    protocols: Mapping[str, str],
) -> list[str]:
    """The settings with all listeners of a node.

    Args:
        direct: Ports of the listeners without a proxy, by name, that of the controllers among them.
        proxied: Listeners for clients.
        peers: Listeners for the other nodes; None if they reach this node without a proxy.
        protocols: The security protocol of listeners that are not in plain text, by name.
    """
    ports = dict(direct)
    advertised = {name: port for name, port in direct.items() if name != "CONTROLLER"}
    for listener in (*proxied, *((peers.brokers, peers.controllers) if peers else ())):
        ports[listener.name] = listener.port
        advertised[listener.name] = listener.advertised_port
    spoken = ",".join(f"{name}:{protocols.get(name, 'PLAINTEXT')}" for name in ports)
    lines = [
        f"listeners={_listed(ports)}",
        f"advertised.listeners={_listed(advertised)}",
        f"listener.security.protocol.map={spoken}",
    ]
    if peers is not None:
        lines.append(f"inter.broker.listener.name={peers.brokers.name}")
    return lines


def _listed(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())
