"""The image's bill of materials is validated where it is made; its structure is checked again from the image."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.workers import ROOT
from tests.support.bill_of_materials import structural_problems

BOM: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"component": {"bom-ref": "root", "name": "hotel-audio-streams", "version": "0.1.0"}},
    "components": [
        {
            "bom-ref": "a",
            "name": "typing_extensions",
            "version": "4",
            "type": "library",
            "purl": "pkg:pypi/typing-extensions@4",
        }
    ],
    "dependencies": [{"ref": "root", "dependsOn": ["a"]}, {"ref": "a"}],
}


def test_the_build_ends_if_it_is_not_valid() -> None:
    dockerfile = (ROOT / "infra/docker/Dockerfile").read_text()
    (command,) = (line for line in dockerfile.replace("\\\n", " ").splitlines() if "cyclonedx-py" in line)
    assert {"--validate", "--spec-version"} <= set(command.split())
    assert "cyclonedx-python-lib==" in (ROOT / "infra/docker/build-requirements.txt").read_text()


def test_a_right_one_has_no_problems() -> None:
    assert structural_problems(BOM) == []


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda bom: bom.update(specVersion="1.0"), "not CycloneDX 1.6"),
        (lambda bom: bom["components"][0].pop("version"), "no type, version or name"),
        (lambda bom: bom["components"][0].update(purl="pkg:npm/a@4"), "package URL"),
        (lambda bom: bom["components"].append(bom["components"][0]), "not unique"),
        (lambda bom: bom["dependencies"].append({"ref": "b"}), "dependency b is no component"),
    ],
)
def test_a_wrong_one_has(damage: Callable[[dict[str, Any]], object], problem: str) -> None:
    bom = copy.deepcopy(BOM)
    damage(bom)
    assert any(problem in found for found in structural_problems(bom))
