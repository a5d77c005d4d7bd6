"""Exactly-once delivery: Faust's stream in, ordered lanes, one Kafka transaction per batch out."""
