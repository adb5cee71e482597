"""`lotabots generate`: write what is derived from the rules, or check that it is up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import click

from lotabots.checks import registry
from lotabots.cli.options import workspace_at, workspace_option
from lotabots.graph import export
from lotabots.graph.picture import picture
from lotabots.model.schema import schemas
from lotabots.service.reference import code_pages
from lotabots.service.rule_reference import rule_reference

DRIFT: Final = 1


@click.command("generate")
@workspace_option
@click.option(
    "--docs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write the rule reference and the pages of all codes into this folder.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file would change.")
def command(workspace: Path | None, *, docs: Path | None, check: bool) -> None:
    """Write what is derived from the rules: JSON Schemas for editors, pictures of the fleet.

    Into `schemas`, one for each kind of rule file, the envelope, and the payload of every event;
    into `graphs`, the fleet as Mermaid and as SVG.
    """
    found = workspace_at(workspace)
    derived = schemas(found.checked.fleet)
    wanted = {
        found.root / "schemas" / name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in derived.items()
    }
    drawn = picture(found.checked.fleet)
    wanted[found.root / "graphs" / "fleet.mmd"] = export.mermaid(drawn)
    wanted[found.root / "graphs" / "fleet.svg"] = export.svg(drawn)
    folders = [found.root / "schemas"]
    if docs is not None:
        pages = code_pages(registry.all_pages())
        wanted |= {docs / "checks" / name: text for name, text in pages.items()}
        wanted[docs / "rule-reference.md"] = rule_reference(derived)
        folders.append(docs / "checks")
    stale = _stale(folders, wanted)
    changed = [path for path, text in wanted.items() if not _holds(path, text)]
    for path in sorted([*stale, *changed]):
        click.echo(
            f"{'out of date' if check else 'wrote' if path in wanted else 'removed'}: {path}"
        )
    if check:
        if stale or changed:
            click.echo(
                "run `lotabots generate` with the same options and commit the result", err=True
            )
        sys.exit(DRIFT if stale or changed else 0)
    for path in stale:
        path.unlink()
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _stale(folders: list[Path], wanted: dict[Path, str]) -> list[Path]:
    """Generated files (those folders hold nothing else) that nothing derives any more."""
    patterns = ("**/*.schema.json", "**/L[BR][0-9]*.md")
    present = {path for folder in folders for glob in patterns for path in folder.glob(glob)}
    return sorted(present - set(wanted))
