"""SoftHSM: tokens of a PKCS#11 module that keeps them in files, in the place of a hardware security module."""

import itertools
import subprocess
from pathlib import Path
from urllib.parse import quote

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "8317-correct"
#: The variable that says where SoftHSM finds its settings.
CONFIGURATION = "SOFTHSM2_CONF"

_SECURITY_OFFICER_PIN = "security-officer"


class SoftHsm:
    """Tokens in a directory of their own.

    Args:
        directory: Where they are.

    Attributes:
        environment: The variables that a process needs to see them.
    """

    def __init__(self, directory: Path) -> None:
        assert MODULE.exists(), "SoftHSM is missing: install Debian's package softhsm2"
        (directory / "tokens").mkdir(parents=True)
        settings = directory / "softhsm2.conf"
        settings.write_text(f"directories.tokendir = {directory / 'tokens'}\nlog.level = ERROR\n")
        self.environment = {CONFIGURATION: str(settings)}
        self._directory = directory
        self._numbers = itertools.count(1)

    def new_token(self) -> str:
        """Make a token; returns its label."""
        label = f"token {next(self._numbers)}"
        self._run("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", _SECURITY_OFFICER_PIN)
        return label

    def new_address(self, *, pin: str | None = PIN) -> str:
        """Make a token; returns the address of a key store in it, with the PIN in a file unless that is None."""
        label = self.new_token()
        address = f"pkcs11:token={quote(label)}?module-path={MODULE}"
        if pin is None:
            return address
        file = self._directory / f"{label}.pin"
        file.write_text(f"{pin}\n")
        return f"{address}&pin-source=file:{quote(str(file))}"

    def delete(self, label: str) -> None:
        """Delete a token with all its keys."""
        self._run("--delete-token", "--token", label)

    def _run(self, *arguments: str) -> None:
        subprocess.run(["softhsm2-util", *arguments], env=self.environment, check=True, capture_output=True)
