"""Kafka's requests that aiokafka 0.14 does not speak, or only in versions that lack what is needed here.

Pure: each module lays out one request and judges its answer; the connections are aiokafka's.
"""
