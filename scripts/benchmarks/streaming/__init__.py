"""Cost and latency of a record from topic to topic, compared with other programs that do the same."""
