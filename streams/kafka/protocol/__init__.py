"""Kafka's requests that aiokafka 0.14 does not speak, or only in versions that lack what is needed here.

Each module lays out one request and judges its answer; the connections are aiokafka's. `offset_fetch` also asks, and
puts itself in the place of what aiokafka asks.
"""
