"""Where the image's packages come from: what pip itself says of this machine."""

from infra.docker.image import pip_settings

LISTED = """\
:env:.cert='/etc/ssl/ours.crt'
:env:.index-url='https://user:it''s@registry.example/simple'
download.index-url='https://of-another-command.example/'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.index-url='https://overridden.example/simple'
install.trusted-host='one.example'
"""


def test_options_of_installing_are_read_and_the_environment_wins() -> None:
    assert pip_settings(LISTED) == {
        "cert": "/etc/ssl/ours.crt",
        "index-url": "https://user:its@registry.example/simple",
        "extra-index-url": "https://one.example/simple\n    https://two.example/simple",
        "trusted-host": "one.example",
    }


def test_a_machine_without_any_configuration() -> None:
    assert pip_settings("") == {}
