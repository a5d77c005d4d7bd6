"""How a setting is declared: once, as a field of a dataclass. Its parser, documents and reports come from that.

These are a few lines of our own and not pydantic-settings: twenty settings do not warrant another dependency, and its
messages take several lines and name the field instead of the variable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from streams.kafka.secret_text import FileSecret
from streams.runtime.setting_kinds import Kind
from streams.security.opening import open_file

T = TypeVar("T")
_KEY = "setting"
_LARGEST_SECRET = 64 * 2**10  # bytes


class SettingsError(ValueError):
    """A setting cannot be used as given. The operator has to change the named variable; the message is one line."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The declaration of one setting.

    Attributes:
        variable: Its name in the environment.
        kind: What may be given, and how it is read.
        meaning: What it does, in one line of Markdown.
        default: The text that is read where none is given; None for no value.
        secret: Whether its value is shown nowhere, and may be given in a file.
    """

    variable: str
    kind: Kind[Any]
    meaning: str
    default: str | None
    secret: bool

    @property
    def file_variable(self) -> str | None:
        """The variable that names a file with the value; None for what is no secret."""
        return f"{self.variable}_FILE" if self.secret else None

    def is_set(self, environ: Mapping[str, str]) -> bool:
        """Whether an environment gives a value; an empty variable gives none."""
        return bool(environ.get(self.variable) or self._path(environ))

    def text(self, environ: Mapping[str, str]) -> str | None:
        """The text in an environment, or the default, not yet read; only for what is no secret."""
        return environ.get(self.variable) or self.default

    def value(self, environ: Mapping[str, str]) -> object:
        """The value in an environment, or the default.

        Raises:
            SettingsError: With one line that names the variable, its value unless that is secret, and what would be
                accepted.
        """
        text, path = environ.get(self.variable), self._path(environ)
        if text and path:
            raise SettingsError(f"{self.variable} and {self.file_variable} are both set; set one of them")
        shown = "..." if self.secret else self.kind.shown(text or "")
        source = f"{self.file_variable}={path}" if path else f"{self.variable}={shown}"
        try:
            if path:
                return self._in_file(Path(path))
            return self.kind.parse(text) if text else self.default_value
        except OSError as error:
            raise SettingsError(_one_line(f"{source}: {error.strerror}")) from None
        except ValueError as error:
            raise SettingsError(_one_line(f"{source}: {error}")) from None

    @property
    def default_value(self) -> object:
        """The value where none is given."""
        return None if self.default is None else self.kind.parse(self.default)

    def _in_file(self, path: Path) -> object:
        value = self.kind.parse(_content(path))
        if self.kind.follow is not None:
            return self.kind.follow(path)
        return FileSecret(value, lambda: str(self.kind.parse(_content(path)))) if isinstance(value, str) else value

    def _path(self, environ: Mapping[str, str]) -> str | None:
        return environ.get(self.file_variable) if self.file_variable else None


@overload
def setting(variable: str, kind: Kind[T], meaning: str, *, default: str, secret: bool = False) -> T: ...


@overload
def setting(variable: str, kind: Kind[T], meaning: str, *, secret: bool = False) -> T | None: ...


def setting(variable: str, kind: Kind[Any], meaning: str, *, default: str | None = None, secret: bool = False) -> Any:
    """Declare a field of a dataclass as a setting; the arguments are the attributes of `Setting`.

    To a type checker the field has the kind's type, or None where there is no default.
    """
    one = Setting(variable, kind, meaning, default, secret)
    return field(default=one.default_value, repr=not secret, metadata={_KEY: one})


def declared(settings: type[Any]) -> dict[str, Setting]:
    """The settings that a dataclass declares, by the names of their fields, in their order."""
    return {one.name: cast("Setting", one.metadata[_KEY]) for one in fields(settings)}


def read(settings: type[T], environ: Mapping[str, str]) -> T:
    """Read and validate the settings that a dataclass declares.

    Raises:
        SettingsError: As `Setting.value`, for the first one that cannot be used.
    """
    return settings(**{name: one.value(environ) for name, one in declared(settings).items()})


def shown(settings: object) -> dict[str, str | int | float | None]:
    """The values of settings by their variables, as plain data; of a secret only whether it is set."""
    values = {one: getattr(settings, name) for name, one in declared(type(settings)).items()}
    return {one.variable: value is not None if one.secret else _plain(value) for one, value in values.items()}


def _content(path: Path) -> str:
    """The text in a secret's file, without the newline at its end; raises ValueError where it is none."""
    with open_file(path) as file:
        content = file.read(_LARGEST_SECRET + 1)
    if len(content) > _LARGEST_SECRET:
        raise ValueError(f"is larger than {_LARGEST_SECRET} bytes")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8") from None


def _plain(value: object) -> str | int | float | None:
    return value if isinstance(value, str | int | float | None) else str(value)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
