"""Kafka itself: topics, lag, transactions, and the requests that aiokafka does not make."""
