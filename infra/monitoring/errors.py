"""Errors of the local monitoring. Each message tells the reader what to change."""


class MonitoringError(Exception):
    """Prometheus or Alertmanager could not be found, configured or started."""
