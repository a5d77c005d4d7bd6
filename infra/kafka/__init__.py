"""A genuine Apache Kafka on this machine, from its own jars. It knows nothing of the product that uses it."""
