"""The console: pages for people, on top of the HTTP API."""
