"""Kafka's requests that aiokafka 0.14 does not speak, or only in versions that lack what is needed here.

Each module lays out one request and judges its answer; the connections are aiokafka's. `offset_fetch` also asks, in
the place of aiokafka for the consumers that `tolerant_consumer` makes; no class of aiokafka is changed.
"""
