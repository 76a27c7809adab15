"""Turns telemetry on for a process, from its settings."""

import logging

from prometheus_client import start_http_server

from tutti import errors
from tutti.config import ServiceSettings
from tutti.telemetry import logs, tracing


def start(settings: ServiceSettings, *, service: str, instance: str) -> None:
    logs.start(
        service=service,
        instance=instance,
        level=settings.log_level,
        file=settings.log_file,
        max_bytes=settings.log_max_bytes,
        backup_count=settings.log_backup_count,
    )
    tracing.start(service=service, instance=instance, endpoint=settings.otlp_endpoint)
    if settings.metrics_port:
        try:
            start_http_server(settings.metrics_port, addr=settings.bind_host)
        except OSError as error:
            raise errors.Unavailable(f"cannot serve metrics on port {settings.metrics_port}: {error}") from error
    logging.getLogger(__name__).info("starting", extra={"metrics_port": settings.metrics_port})
