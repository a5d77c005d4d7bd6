"""Checks the settings, and the files with secrets that they name."""

import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.cli import counted
from scripts.diagnosis.checking import Installation, declaration_of
from scripts.validation.finding import Finding, failed, passed, warned
from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.environment_check import without_effect
from streams.runtime.setting_declaration import Setting, SettingsError, declared
from streams.security.api_keys import ApiKeys
from streams.security.json_web_tokens import parse_key_set
from streams.security.opening import open_file
from streams.security.watched_file import WatchedFile, WatchedFileError

SETTINGS, SECRETS, API_KEYS, TOKEN_KEYS = "settings", "secret files", "API keys", "token keys"
_CORRECT = "correct it; the README lists all settings and what they take"
_KEYS = ("ssl_certfile", "ssl_keyfile", "http_tls_certfile", "http_tls_keyfile")
_KEY_MARK = b"PRIVATE KEY-----"


async def check_settings(installation: Installation) -> list[Finding]:
    """Whether every setting can be used, and every variable that looks like one is one."""
    declaration = declaration_of(installation.role)
    unknown = [
        warned(SETTINGS, one.variable, one.remark, "correct its name, or remove it")
        for one in without_effect(installation.environ)
    ]
    if problems := _problems(declaration, installation.environ):
        return [failed(SETTINGS, variable, told, _CORRECT) for variable, told in problems.items()] + unknown
    number = sum(one.is_set(installation.environ) for one in declared(declaration).values())
    return [passed(SETTINGS, "", f"{counted(number, 'setting')} given, and all can be used"), *unknown]


async def check_secret_files(installation: Installation) -> list[Finding]:
    """Whether files with passwords and keys are for their owner, or a group, alone."""
    files = dict(_secret_files(declared(declaration_of(installation.role)), installation.environ))
    open_ones = {name: file for name, file in files.items() if file.stat().st_mode & stat.S_IROTH}
    warnings = [
        warned(SECRETS, name, f"everybody on this machine can read {file}", f"chmod o-r {file}")
        for name, file in open_ones.items()
    ]
    return warnings or [passed(SECRETS, "", f"{counted(len(files), 'file')}, not open to everybody")]


async def check_api_keys(installation: Installation) -> list[Finding]:
    """Whether the file with API keys can be read, and has one that is valid."""
    file = installation.process.api_keys_file
    if file is None:
        return []
    variable = declared(declaration_of(installation.role))["api_keys_file"].variable
    try:
        keys = list(WatchedFile(file, ApiKeys.from_json).value())
    except WatchedFileError as error:
        return [failed(API_KEYS, variable, str(error), "name the file that ./scripts/api_keys writes")]
    valid = sum(key.state(datetime.now(UTC)) == "valid" for key in keys)
    if not valid:
        told = f"none of the {counted(len(keys), 'key')} in {file} is valid"
        return [warned(API_KEYS, variable, told, "./scripts/api_keys makes one")]
    return [passed(API_KEYS, variable, f"{valid} of {counted(len(keys), 'key')} can be used")]


async def check_token_keys(installation: Installation) -> list[Finding]:
    """Whether the file with the identity provider's keys can be read, and has one."""
    file = installation.process.jwt_keys_file
    if file is None:
        return []
    variable = declared(declaration_of(installation.role))["jwt_keys_file"].variable
    try:
        WatchedFile(file, parse_key_set).value()
    except WatchedFileError as error:
        return [failed(TOKEN_KEYS, variable, str(error), "name the file with the provider's JSON Web Key Set")]
    return [passed(TOKEN_KEYS, variable, f"{file} can be used")]


def _problems(declaration: type[ClusterSettings], environ: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each setting, or with all of them together."""
    found = {}
    for one in declared(declaration).values():
        try:
            one.value(environ)
        except SettingsError as error:
            found[one.variable] = str(error)
    if not found:
        try:
            declaration.from_environment(environ)
        except SettingsError as error:
            found[str(error).partition("=")[0].partition(" ")[0]] = str(error)
    return found


def _secret_files(settings: Mapping[str, Setting], environ: Mapping[str, str]) -> Sequence[tuple[str, Path]]:
    found = []
    for name, one in settings.items():
        if one.file_variable and environ.get(one.file_variable):
            found.append((one.file_variable, Path(environ[one.file_variable])))
        elif name in _KEYS and environ.get(one.variable):
            file = Path(environ[one.variable])
            with open_file(file) as opened:
                has_key = _KEY_MARK in opened.read()
            if has_key:
                found.append((one.variable, file))
    return found
