"""A genuine Apache Kafka on this machine, from its own jars. It is independent of the product."""
