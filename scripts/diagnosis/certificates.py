"""Checks how long certificates are valid: the client's, the authorities', and that of the HTTP endpoint."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import counted
from scripts.diagnosis.checking import Installation
from scripts.validation.finding import Finding, failed, not_checked, passed, warned
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings
from streams.security.opening import open_file

CHECK = "certificate"
_FEW_DAYS = 30
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_FILES = {
    "ssl_certfile": "issue another one to the client",
    "ssl_cafile": "add the new certificates of the authorities",
    "http_tls_certfile": "issue another one to this endpoint",
}


async def check_certificates(installation: Installation) -> list[Finding]:
    """How many days are left of each certificate that a setting names."""
    found = []
    for field, remedy in _FILES.items():
        file: Path | None = getattr(installation.valid, field, None)
        if file is not None:
            found.append(_of_file(declared(Settings)[field].variable, file, remedy))
    return found or [passed(CHECK, "", "no setting names one")]


def _of_file(variable: str, file: Path, remedy: str) -> Finding:
    try:
        with open_file(file) as opened:
            days = days_left(opened.read())
    except ValueError:  # TLS takes more kinds, such as those that OpenSSL marks as trusted
        return not_checked(CHECK, variable, f"{file} has no certificate that begins with {_BEGIN.decode()}")
    return judged_days(variable, days, remedy)


def judged_days(subject: str, days: float, remedy: str) -> Finding:
    """A finding about the days that a certificate is still valid for.

    Args:
        subject: Whose certificate it is.
        days: Until it expires; negative if it has.
        remedy: What to do about it.
    """
    if days < 0:
        return failed(CHECK, subject, f"expired {counted(-int(days), 'day')} ago", remedy)
    told = f"valid for {counted(int(days), 'more day')}"
    return warned(CHECK, subject, told, remedy) if days < _FEW_DAYS else passed(CHECK, subject, told)


def days_left(pem: bytes) -> float:
    """Days until the first of some certificates expires, the client's own or any authority's; negative if it has.

    Raises:
        ValueError: If there is none in the usual form.
    """
    from cryptography import x509  # noqa: PLC0415  slow to import, and the help needs none

    now = dt.datetime.now(dt.UTC)
    chain = x509.load_pem_x509_certificates(pem[pem.index(_BEGIN) :])
    return min((one.not_valid_after_utc - now) / dt.timedelta(days=1) for one in chain)


def described(der: bytes) -> tuple[Sequence[str], str, float]:
    """The names for which a certificate is, who has issued it, and the days until it expires."""
    from cryptography import x509  # noqa: PLC0415  as above

    one = x509.load_der_x509_certificate(der)
    try:
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        texts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    except x509.ExtensionNotFound:
        texts = []
    days = (one.not_valid_after_utc - dt.datetime.now(dt.UTC)) / dt.timedelta(days=1)
    return texts, one.issuer.rfc4514_string(), days
