"""TLS of the HTTP endpoint, from the settings."""

import ssl
from pathlib import Path

from streams.kafka.connection_security import CertificateError, server_context
from streams.runtime.setting_declaration import SettingsError


def endpoint_tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The context of a server whose files are read again when they change; None for plain HTTP.

    Args:
        certificate: `AUDIO_HTTP_TLS_CERTFILE`.
        key: `AUDIO_HTTP_TLS_KEYFILE`.

    Raises:
        SettingsError: If there is a key alone, or a file cannot be used.
    """
    if certificate is None:
        if key is not None:
            raise SettingsError(f"AUDIO_HTTP_TLS_KEYFILE={key}: needs AUDIO_HTTP_TLS_CERTFILE as well")
        return None
    try:
        return server_context(certificate, key)
    except CertificateError as error:
        raise SettingsError(f"AUDIO_HTTP_TLS_CERTFILE={error}") from None
