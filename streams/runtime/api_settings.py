"""The settings of an API process."""

from dataclasses import dataclass
from ipaddress import ip_address

from streams.runtime.sealing_settings import OFF, SWITCH
from streams.runtime.setting_declaration import SettingsError, setting
from streams.runtime.setting_kinds import PORT, number_of
from streams.runtime.settings import EndpointSettings


@dataclass(frozen=True, slots=True)
class ApiSettings(EndpointSettings):
    """The settings of one process of the HTTP API."""

    api_port: int = setting(
        "AUDIO_API_PORT", PORT, "the HTTP API, at `AUDIO_HTTP_HOST`; `0` takes a free port", default="8000"
    )
    api_key_rate: int = setting(
        "AUDIO_API_KEY_RATE",
        number_of("requests"),
        "that each API key may make in a second; requests without one are limited to 10 a second for each address",
        default="100",
    )
    sealing: str = setting(
        "AUDIO_SEALING",
        SWITCH,
        "`on` seals what is taken in under a key for each call; `off` that of hotels whose policy demands it",
        default=OFF,
    )

    @property
    def open(self) -> bool:
        """Whether anybody may do everything: no key, token or identity provider is configured."""
        return not (self.api_keys_file or self.jwt_issuer or self.admin_token)

    def __post_init__(self) -> None:
        EndpointSettings.__post_init__(self)
        if self.open and not _is_loopback(self.http_host):
            raise SettingsError(
                f"AUDIO_HTTP_HOST={self.http_host}: without AUDIO_API_KEYS_FILE, AUDIO_JWT_ISSUER or AUDIO_ADMIN_TOKEN"
                " the API is open, and serves this machine alone"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
