"""Benchmarks of codecs, analysis, cache and streaming."""
