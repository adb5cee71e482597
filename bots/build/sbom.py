"""The parts of a wheel as a CycloneDX 1.6 document; equal wheels give equal bytes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wheel import Wheel

# CycloneDX 1.6, bom.metadata.tools and component: https://cyclonedx.org/docs/1.6/json/
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*\(?([^;)]*)")
PINNED = re.compile(r"==\s*([0-9A-Za-z.!+_-]+)\s*")


def render(wheel: Wheel, *, moment: int, tools: str) -> str:
    """The document; `moment` is the commit's time, `tools` the folder of the build tools."""
    root = {**_component("library", wheel.name, wheel.version, wheel.sha256), "purl": wheel.purl}
    needed = [_dependency(text) for text in sorted(set(wheel.requires))]
    files = [_component("file", name, "", sha256) for name, sha256 in sorted(wheel.files.items())]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(moment, UTC).isoformat(),
            "tools": {"components": sorted(_tools(tools), key=lambda tool: tool["name"])},
            "component": {**root, "bom-ref": wheel.purl},
        },
        "components": [*needed, *files],
        "dependencies": [
            {"ref": wheel.purl, "dependsOn": sorted({part["bom-ref"] for part in needed})}
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _component(kind: str, name: str, version: str, sha256: str) -> dict[str, Any]:
    said = {"version": version} if version else {}
    return {"type": kind, "name": name, **said, "hashes": [{"alg": "SHA-256", "content": sha256}]}


def _dependency(text: str) -> dict[str, Any]:
    """A declared dependency. Only an exact pin is a version; the text itself is kept."""
    found = REQUIREMENT.match(text)
    name = re.sub(r"[-_.]+", "-", found[1]).lower() if found else text
    pinned = PINNED.fullmatch(found[2]) if found else None
    version = {"version": pinned[1]} if pinned else {}
    said = [{"name": "lotabots:requirement", "value": text}]
    return {
        "type": "library",
        "name": name,
        **version,
        "bom-ref": f"requires:{text}",
        "properties": said,
    }


def _tools(folder: str) -> list[dict[str, str]]:
    return [
        {"type": "library", "name": found.name, "version": found.version}
        for found in distributions(path=[folder])
    ]
