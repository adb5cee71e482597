"""All codes: the checks of `catalog`, found by file, and the codes of `diagnostics.codes`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lotabots.checks import catalog
from lotabots.diagnostics import codes
from lotabots.diagnostics.diagnostic import Severity  # noqa: TC001 - read at run time by users

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from lotabots.checks.base import Check, CheckInfo
    from lotabots.diagnostics.codes import Code


class CodePage(NamedTuple):
    """The documentation of one code. `markdown` is the whole page, with its heading."""

    code: str
    name: str
    severity: Severity
    title: str
    markdown: str


class RegistryError(Exception):
    """The catalogue is not well formed; a fault of ours, not of a rule file."""


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by code.

    Raises:
        RegistryError: a code is used twice, or a module is not named after its code.
    """
    return tuple(module.CHECK for module in _modules())


@cache
def all_pages() -> tuple[CodePage, ...]:
    """The pages of all codes, by code.

    Raises:
        RegistryError: see `all_checks`.
    """
    described = [_page(module.CHECK.info, module.__doc__ or "") for module in _modules()]
    described += [_page(code, codes.page(code.code) or code.name) for code in codes.CODES]
    return tuple(sorted(described, key=lambda page: page.code))


def names() -> dict[str, str]:
    """The name of every code."""
    return {page.code: page.name for page in all_pages()}


def lookup(code_or_name: str) -> CodePage | None:
    """The page of ``LB204`` or ``never-true``, whatever the case; None if there is no such code."""
    wanted = code_or_name.lower()
    for module in _modules():
        info = module.CHECK.info
        if wanted in (info.code.lower(), info.name):
            return _page(info, module.__doc__ or "")
    found = (code for code in codes.CODES if wanted in (code.code.lower(), code.name))
    return next((_page(code, codes.page(code.code) or code.name) for code in found), None)


def verify(modules: Iterable[ModuleType]) -> tuple[ModuleType, ...]:
    """`modules` sorted by code, if each is named after its code and no code or name is taken.

    Raises:
        RegistryError: one is not.
    """
    taken = {code.code: code.name for code in codes.CODES}
    for module in sorted(modules, key=lambda m: m.__name__):
        info = module.CHECK.info
        file = module.__name__.rpartition(".")[2]
        if not file.startswith(f"{info.code.lower()}_"):
            raise RegistryError(f"{file}.py declares {info.code}: file names start with the code")
        if info.code in taken or info.name in taken.values():
            raise RegistryError(f"{file}.py declares {info.code} {info.name}: already taken")
        taken[info.code] = info.name
    return tuple(sorted(modules, key=lambda m: m.CHECK.info.code))


@cache
def _modules() -> tuple[ModuleType, ...]:
    # Not by `pkgutil`: it imports `inspect`, which costs as much as all checks of a small fleet.
    files = [file for folder in catalog.__path__ for file in Path(folder).iterdir()]
    names = sorted(f.stem for f in files if f.suffix == ".py" and not f.stem.startswith("_"))
    return verify([import_module(f"{catalog.__name__}.{name}") for name in names])


def _page(info: CheckInfo | Code, text: str) -> CodePage:
    code, name, severity = info[:3]
    first, _, rest = text.strip().partition("\n")
    title = first.removeprefix("# ").removeprefix(f"{code}: ").removeprefix(f"{code} ").rstrip(".")
    markdown = f"# {code}: {title}\n\n`{name}`, {severity}\n\n{rest.strip()}\n"
    return CodePage(code, name, severity, title, markdown)
