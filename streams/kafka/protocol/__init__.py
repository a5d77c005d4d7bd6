"""Kafka requests that aiokafka 0.14 lacks, or has only in older versions; and fetching that tolerates bad batches.

Each request module encodes one request and interprets its response; the connections are aiokafka's. `offset_fetch` also
sends its request, in place of aiokafka's, for consumers of `tolerant_consumer`; no class of aiokafka is changed.
"""
