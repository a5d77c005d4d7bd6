"""The settings of an API process."""

from dataclasses import dataclass

from streams.runtime.setting_declaration import setting
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
