"""Kafka access: topics, lag, transactions, and the protocol requests that aiokafka lacks."""
