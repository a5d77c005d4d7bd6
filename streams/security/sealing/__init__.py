"""Sealing: records and objects are encrypted under a random key for each call. Pure: it knows no Kafka."""
