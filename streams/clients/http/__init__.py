"""Clients of the HTTP API, for other programs: `HttpClient`, and `AsyncHttpClient` with the same methods."""

from streams.clients.http.async_client import AsyncHttpClient
from streams.clients.http.client import HttpClient

__all__ = ["AsyncHttpClient", "HttpClient"]
