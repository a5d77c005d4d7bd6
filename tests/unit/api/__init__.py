"""Tests of the API without a broker."""
