"""Debian's nginx with our configuration, on loopback, below the nginx.conf of Debian or of the official image."""

import getpass
import http.client
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.debian import fetched
from infra.directories import cache_directory
from infra.kafka.ports import HOST, accepts, free_ports
from tests.support.certificate import write_certificate

CONFIGURATION = Path(__file__).parents[2] / "infra" / "nginx"
#: What the official image has at /etc/nginx/nginx.conf.
OFFICIAL = """
user  nginx;
worker_processes  auto;
error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;
events {
    worker_connections  1024;
}
http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;
    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';
    access_log  /var/log/nginx/access.log  main;
    sendfile        on;
    #tcp_nopush     on;
    keepalive_timeout  65;
    #gzip  on;
    include /etc/nginx/conf.d/*.conf;
}
"""
_START_S = 30.0
_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Response:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Requests from one address of loopback, over one connection. It trusts the test's certificate alone.

    Args:
        port: Where nginx listens with TLS.
        certificate: Its certificate.
        address: The address to ask from, in 127.0.0.0/8.
    """

    def __init__(self, port: int, certificate: Path, address: str) -> None:
        context = ssl.create_default_context(cafile=str(certificate))
        self._connection = http.client.HTTPSConnection(
            HOST, port, timeout=_ANSWER_S, source_address=(address, 0), context=context
        )

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        return self.request("GET", path, headers)

    @contextmanager
    def stream(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """A response that is read while it comes."""
        self._connection.request("GET", path)
        with self._connection.getresponse() as answer:
            yield answer
        self._connection.close()

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        self._connection.request(method, path, body, dict(headers or {}))
        answer = self._connection.getresponse()
        return Response(answer.status, dict(answer.getheaders()), answer.read())


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx.

    Attributes:
        directory: All its files; ``logs`` and ``certificate.pem`` among them.
        http_port: Where it redirects from.
        https_port: Where it serves the workers.
        api_port: Where it serves the HTTP API.
    """

    directory: Path
    http_port: int
    https_port: int
    api_port: int

    def client(self, address: str) -> Client:
        """A client with an address of its own, as all requests of one address share a limit."""
        return Client(self.https_port, self.directory / "certificate.pem", address)

    def api_client(self, address: str) -> Client:
        """The same for the HTTP API."""
        return Client(self.api_port, self.directory / "certificate.pem", address)

    @property
    def logs(self) -> str:
        """What it has logged so far, accesses and errors."""
        return "".join(file.read_text() for file in (self.directory / "logs").iterdir())


def debian_package() -> Path:
    """Debian's nginx, unpacked: its files are beneath, as they would be beneath the root."""
    return fetched(cache_directory() / "nginx", ("nginx", "nginx-common"), "nginx, some 2 MB,", print)


def lay_out(directory: Path, stock: str, upstream: str = "", **variables: object) -> tuple[str, ...]:
    """Write a complete configuration; returns the command that runs nginx with it.

    Args:
        directory: For all files of nginx.
        stock: The nginx.conf that includes ours.
        upstream: A further file of conf.d.
        variables: Values of variables of the template, instead of its defaults.
    """
    for folder in ("conf.d", "logs", "cache"):
        (directory / folder).mkdir()
    write_certificate(directory / "certificate.pem", directory / "key.pem")
    given = {
        "NGINX_CERTIFICATE": directory / "certificate.pem",
        "NGINX_CERTIFICATE_KEY": directory / "key.pem",
        **variables,
    }
    _write(directory, "conf.d/default.conf", substituted(given))
    _write(directory, "conf.d/upstream.conf", upstream)
    shutil.copy(debian_package() / "etc" / "nginx" / "mime.types", directory)
    temporary = "".join(
        f"{kind}_temp_path {directory / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    stock = re.sub(r"^user .*;$", f"user {getpass.getuser()};", stock, flags=re.MULTILINE)
    stock = re.sub(r"^pid .*;$", f"pid {directory / 'pid'};", stock, flags=re.MULTILINE)
    _write(directory, "nginx.conf", stock.replace("http {", "http {\n" + temporary))
    binary = str(debian_package() / "usr" / "sbin" / "nginx")
    return (binary, "-p", str(directory), "-c", "nginx.conf", "-e", str(directory / "logs" / "error.log"))


def substituted(given: Mapping[str, object]) -> str:
    """The template as the official image fills it in: what is not among its variables stays as it is."""
    lines = re.findall(r"^(NGINX_\w+)=(.*)$", (CONFIGURATION / "defaults.env").read_text(), re.MULTILINE)
    values = dict(lines) | {name: str(value) for name, value in given.items()}
    assert len(values) == len(lines), "a variable has no default"
    template = (CONFIGURATION / "templates" / "default.conf.template").read_text()
    return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


def _write(directory: Path, name: str, text: str) -> None:
    for ours, here in (("/etc/nginx", ""), ("/var/log/nginx", "/logs"), ("/var/cache/nginx", "/cache")):
        text = text.replace(ours, f"{directory}{here}")
    (directory / name).write_text(text)


@contextmanager
def nginx(directory: Path, upstream: str = "", **variables: object) -> Iterator[Nginx]:
    """Run nginx below Debian's nginx.conf until the context ends.

    Args:
        directory: For all files of nginx; it has to be empty.
        upstream: A further file of conf.d.
        variables: Values of variables of the template, instead of its defaults.
    """
    ports = free_ports(3)
    running = Nginx(directory, ports, ports + 1, ports + 2)
    stock = (debian_package() / "etc" / "nginx" / "nginx.conf").read_text()
    listen = {
        "NGINX_HTTP_PORT": running.http_port,
        "NGINX_HTTPS_PORT": running.https_port,
        "NGINX_PUBLIC_HTTPS_PORT": running.https_port,
        "NGINX_API_PORT": running.api_port,
    }
    command = lay_out(directory, stock, upstream, **listen, **variables)
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        until = time.monotonic() + _START_S
        while not (accepts(running.https_port) and accepts(running.api_port)):
            assert process.poll() is None, running.logs
            assert time.monotonic() < until, running.logs
            time.sleep(0.02)
        yield running
    finally:
        process.terminate()
        process.wait()
