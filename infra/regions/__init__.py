"""Mirrors the topics of one region's Kafka to another region's, with MirrorMaker 2 from Apache Kafka's own jars."""
