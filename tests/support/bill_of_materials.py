"""Checks the structure of a CycloneDX bill of materials. The image's build validates it against the whole schema."""

import re
from typing import Any


def structural_problems(bom: dict[str, Any]) -> list[str]:
    """What is wrong with a bill of materials: its format, its components, or references among them."""
    problems = []
    if (bom.get("bomFormat"), bom.get("specVersion")) != ("CycloneDX", "1.6"):
        problems.append("not CycloneDX 1.6")
    components = [bom["metadata"]["component"], *bom["components"]]
    references = [component.get("bom-ref") for component in components]
    if len(set(references)) != len(references) or None in references:
        problems.append("references are missing, or not unique")
    for component in components[1:]:
        if component.get("type") != "library" or not component.get("version") or not component.get("name"):
            problems.append(f"{component.get('bom-ref')} has no type, version or name")
        named = component.get("purl", "").partition("@")[0]
        if _normal(named) != f"pkg:pypi/{_normal(component.get('name', ''))}":
            problems.append(f"{component.get('bom-ref')} has the package URL {component.get('purl')}")
    for dependency in bom["dependencies"]:
        unknown = {dependency["ref"], *dependency.get("dependsOn", ())} - set(references)
        problems += [f"the dependency {one} is no component" for one in sorted(unknown)]
    return problems


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()
