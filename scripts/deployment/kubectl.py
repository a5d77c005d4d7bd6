"""Runs kubectl in one namespace."""

import json
from typing import Any

from scripts.deployment.manifests import Manifest, applicable
from scripts.deployment.programs import ProgramError, last_lines, output_of

#: Who owns the fields that a deployment sets.
_MANAGER = "hotel-audio-deploy"
_NOT_FOUND = "(NotFound)"


class Kubectl:
    """kubectl with the cluster of KUBECONFIG, or its present context.

    Args:
        namespace: Where objects are.
        timeout: Seconds that a command may take.
    """

    def __init__(self, namespace: str, timeout: float) -> None:
        self.namespace = namespace
        self._timeout = timeout

    def run(self, *arguments: str, given: str = "") -> str:
        """Run it; returns its output."""
        command = ["kubectl", f"--namespace={self.namespace}", *arguments]
        return output_of(command, given=given, timeout=self._timeout)

    def get(self, kind: str, name: str) -> Manifest | None:
        """An object; None if there is none."""
        try:
            found: Manifest = json.loads(self.run("get", kind, name, "--output=json"))
        except ProgramError as error:
            if _NOT_FOUND in error.reason:
                return None
            raise
        return found

    def listed(self, kind: str, selector: str) -> list[Manifest]:
        """Objects with a label."""
        items: list[Manifest] = json.loads(self.run("get", kind, f"--selector={selector}", "--output=json"))["items"]
        return items

    def apply(self, *manifests: Manifest, options: tuple[str, ...] = ()) -> None:
        """Apply manifests; fields that others have set are taken over."""
        arguments = ("apply", "--server-side", "--force-conflicts", f"--field-manager={_MANAGER}", "--filename=-")
        self.run(*arguments, *options, given=applicable(manifests))

    def live(self, *manifests: Manifest) -> list[Manifest]:
        """The objects of these manifests as they are; without those that do not exist."""
        printed = self.run("get", "--filename=-", "--ignore-not-found", "--output=json", given=applicable(manifests))
        if not printed.strip():
            return []
        found: dict[str, Any] = json.loads(printed)
        return list(found["items"]) if found["kind"] == "List" else [found]

    def differs(self, *manifests: Manifest) -> bool:
        """Whether applying manifests would change anything."""
        arguments = ("diff", "--server-side", "--force-conflicts", f"--field-manager={_MANAGER}", "--filename=-")
        try:
            self.run(*arguments, given=applicable(manifests))
        except ProgramError:  # it differs, or cannot be compared
            return True
        return False

    def delete(self, kind: str, *names: str) -> None:
        """Delete objects, and wait until they are gone."""
        if names:
            self.run("delete", kind, *names, "--ignore-not-found", "--wait")

    def log(self, pod: str) -> tuple[str, ...]:
        """The last lines of a pod's container that ended, or of the one that runs."""
        for options in (("--previous",), ()):
            try:
                return last_lines(self.run("logs", pod, "--tail=15", *options))
            except ProgramError:
                continue
        return ()
