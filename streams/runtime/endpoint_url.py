"""Where a worker answers over HTTP."""


def endpoint_url(host: str, port: int, *, tls: bool) -> str:
    """The beginning of the URLs of an endpoint.

    Args:
        host: Its address or name.
        port: Its TCP port.
        tls: Whether it is served by TLS.
    """
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
