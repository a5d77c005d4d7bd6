"""Tests of the HTTP API on a genuine broker."""
