"""Errors of the local Kafka. Each message tells the reader what to change."""


class LocalKafkaError(Exception):
    """A local Kafka could not be set up, started or reached."""


class PortTakenError(LocalKafkaError):
    """Another process listens on a port that a broker needs: stop it or choose another port."""


class ClusterMismatchError(LocalKafkaError):
    """The directory holds a cluster with other settings: stop that one first."""
