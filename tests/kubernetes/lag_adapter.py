"""Serves the lag that the workers report as an external metric of Kubernetes: what prometheus-adapter does, in small.

`lag_adapter.py WORKERS NAMESPACE CERTIFICATE KEY` listens with TLS. It runs in a pod, without the project's code.
"""

import json
import math
import re
import socket
import ssl
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8443
API = "external.metrics.k8s.io/v1beta1"
METRIC = "audio_lag_seconds_max"
_SAMPLE = re.compile(r"^audio_lag_seconds\{.*\} (\S+)", re.MULTILINE)
_WORKER_PORT, _TIMEOUT_S = 8080, 4.0


def lag(workers: str) -> float | None:
    """The age in seconds of the oldest input that waits, as the workers that answer know it; None if none does."""
    addresses = {str(found[4][0]) for found in socket.getaddrinfo(workers, _WORKER_PORT, socket.AF_INET)}
    with ThreadPoolExecutor(max(1, len(addresses))) as pool:
        reported = [one for found in pool.map(_reported, sorted(addresses)) for one in found]
    return max(reported, default=None)


def _reported(address: str) -> list[float]:
    try:
        with urllib.request.urlopen(f"http://{address}:{_WORKER_PORT}/metrics", timeout=_TIMEOUT_S) as answer:
            text = answer.read().decode()
    except OSError:
        return []
    values = (float(value) for value in _SAMPLE.findall(text))
    return [value for value in values if not math.isnan(value)]


def answer(path: str, workers: str, namespace: str) -> dict[str, object] | None:
    """What a path shows; None for a path or namespace that is not ours, and while the lag is unknown."""
    if path == f"/apis/{API}":
        resource = {"name": METRIC, "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
        resources = [{**resource, "singularName": ""}]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API, "resources": resources}
    if path != f"/apis/{API}/namespaces/{namespace}/{METRIC}" or (seconds := lag(workers)) is None:
        return None
    value = {"metricName": METRIC, "metricLabels": {}, "value": f"{round(seconds * 1000)}m"}
    items = [{**value, "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}]
    return {"kind": "ExternalMetricValueList", "apiVersion": API, "metadata": {}, "items": items}


def main(workers: str, namespace: str, certificate: str, key: str) -> None:
    """Serve until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer(self.path.partition("?")[0], workers, namespace)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

    server = ThreadingHTTPServer(("", PORT), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
