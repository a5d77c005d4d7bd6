"""Whether a broker's name is known and its port accepts connections, before anything is spoken."""

import asyncio
import socket

_WITHIN = 5.0  # seconds for each step


class UnreachableError(OSError):
    """A name is not known, or a port accepts no connection; the message is a part of a line."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name.

    Raises:
        UnreachableError: If there is none.
    """
    try:
        async with asyncio.timeout(_WITHIN):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnreachableError(f"the name {host} is not known: {error.strerror or 'no answer'}") from None
    return list(dict.fromkeys(str(one[4][0]) for one in found))


async def reach(host: str, port: int) -> None:
    """Open a connection and close it.

    Raises:
        UnreachableError: If the port does not accept it.
    """
    try:
        async with asyncio.timeout(_WITHIN):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        raise UnreachableError("nothing listens there") from None
    except OSError as error:
        raise UnreachableError(error.strerror or f"no answer within {_WITHIN:g} s") from None
    writer.transport.abort()


async def why_unreachable(host: str, port: int) -> str | None:
    """The address and what is wrong with it, as a part of a line; None if its port accepts connections."""
    try:
        await resolve(host, port)
        await reach(host, port)
    except UnreachableError as error:
        return f"{host}:{port}: {error}"
    return None
