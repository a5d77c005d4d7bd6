"""What the settings of a secure connection give, and what is refused instead of ignored."""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from infra.kafka.certificates import Authority
from streams.kafka.connection_security import ConnectionSecurity, Login
from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.setting_declaration import SettingsError, shown

PASSWORD = "not-for-anybody's-eyes"  # noqa: S105  of nobody
ACCOUNT = {"KAFKA_SASL_USERNAME": "worker", "KAFKA_SASL_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def security(**environ: object) -> ConnectionSecurity:
    settings = ClusterSettings.from_environment({name: str(value) for name, value in environ.items()})
    return settings.connection.security


def test_by_default_connections_are_in_plain_text() -> None:
    assert security() == security(KAFKA_SECURITY_PROTOCOL="plaintext") == ConnectionSecurity()
    assert ConnectionSecurity().options() == {"security_protocol": "PLAINTEXT", "ssl_context": None}


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "scram-sha-256", "PLAIN"])
def test_an_account(mechanism: str) -> None:
    made = security(KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT", KAFKA_SASL_MECHANISM=mechanism, **ACCOUNT)
    assert made == ConnectionSecurity(login=Login("worker", PASSWORD, mechanism.upper()))
    assert made.options() == {
        "security_protocol": "SASL_PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": mechanism.upper(),
        "sasl_plain_username": "worker",
        "sasl_plain_password": PASSWORD,
    }


def test_a_password_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    made = security(KAFKA_SECURITY_PROTOCOL="sasl_ssl", KAFKA_SASL_USERNAME="worker", KAFKA_SASL_PASSWORD_FILE=file)
    assert made.login == Login("worker", PASSWORD, "SCRAM-SHA-512")
    assert made.protocol == "SASL_SSL"


def test_tls_checks_certificate_and_host_name(authority: Authority) -> None:
    made = security(KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CAFILE=authority.certificate).tls
    assert made is not None
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    assert [one["subject"] for one in made.get_ca_certs()] != []


def test_without_a_file_the_authorities_of_the_system_are_trusted() -> None:
    assert security(KAFKA_SECURITY_PROTOCOL="SSL").protocol == "SSL"


def test_nothing_shows_a_password() -> None:
    settings = ClusterSettings.from_environment({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", **ACCOUNT})
    assert PASSWORD not in f"{settings!r} {settings.connection!r} {shown(settings)}"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
        ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, "must be SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_USERNAME": "worker"},
            "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        ),
        (ACCOUNT, "KAFKA_SECURITY_PROTOCOL=PLAINTEXT does not use it; write SASL_PLAINTEXT or SASL_SSL"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", **ACCOUNT}, "KAFKA_SECURITY_PROTOCOL=SSL does not use it"),
        ({"KAFKA_SSL_CAFILE": "ca.pem"}, "KAFKA_SECURITY_PROTOCOL=PLAINTEXT does not use it; write SSL or SASL_SSL"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "/absent"}, "/absent cannot be read: No such file"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": "/key"}, "no KAFKA_SSL_CERTFILE"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": "/a", "KAFKA_SSL_KEYFILE": "/b"},
            "KAFKA_SSL_CERTFILE=/a or /b cannot be read: No such file",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(environ: Mapping[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        security(**environ)
    assert message in str(caught.value)
    assert PASSWORD not in str(caught.value)


def parts(file: Path) -> tuple[str, str]:
    """The key and the certificates of a file."""
    key, end, chain = file.read_text().partition("-----END PRIVATE KEY-----\n")
    return key + end, chain


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        (lambda own: own[1], lambda _: "", "has no key, or its password is another"),
        (lambda _: "nothing", lambda own: own[0], "has no certificate in PEM"),
        (lambda own: own[1], lambda _: "nothing", "key.pem has no key"),
    ],
)
def test_files_that_are_something_else(
    authority: Authority,
    tmp_path: Path,
    certificate: Callable[[tuple[str, str]], str],
    key: Callable[[tuple[str, str]], str],
    message: str,
) -> None:
    own = parts(authority.issue("worker"))
    (tmp_path / "certificate.pem").write_text(certificate(own))
    (tmp_path / "key.pem").write_text(key(own))
    with pytest.raises(SettingsError) as caught:
        security(
            KAFKA_SECURITY_PROTOCOL="SSL",
            KAFKA_SSL_CERTFILE=tmp_path / "certificate.pem",
            KAFKA_SSL_KEYFILE=tmp_path / "key.pem",
        )
    assert message in str(caught.value)


def test_a_key_of_another_certificate(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "certificate.pem").write_text(parts(authority.issue("worker"))[1])
    (tmp_path / "key.pem").write_text(parts(authority.issue("telephony"))[0])
    with pytest.raises(SettingsError, match=r"belongs to another key than the one in \S+key\.pem"):
        security(
            KAFKA_SECURITY_PROTOCOL="SSL",
            KAFKA_SSL_CERTFILE=tmp_path / "certificate.pem",
            KAFKA_SSL_KEYFILE=tmp_path / "key.pem",
        )


def test_an_authority_without_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(SettingsError, match=r"KAFKA_SSL_CAFILE=\S+ca\.pem has no certificate in PEM"):
        security(KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CAFILE=tmp_path / "ca.pem")


@pytest.mark.parametrize("text", ["worker\n", "\ufeffworker", "wor\0ker", "Gr\udcfcn"])
def test_a_name_or_password_that_is_no_line_of_text_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="has a character that is no text") as caught:
        ClusterSettings.from_environment({"KAFKA_SASL_PASSWORD": f"{text}{PASSWORD}"})
    assert PASSWORD not in str(caught.value)


def test_a_password_has_spaces_and_letters_of_any_language() -> None:
    given = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_USERNAME": "jürgen,x=y"}
    login = ClusterSettings.from_environment(
        given | {"KAFKA_SASL_PASSWORD": "Grüße, mit Leerzeichen "}
    ).connection.security.login
    assert login is not None
    assert (login.username, login.password) == ("jürgen,x=y", "Grüße, mit Leerzeichen ")
