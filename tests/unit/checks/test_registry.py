"""Codes are found by file, used once, and explained by code or name."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest

from lotabots.checks.base import CheckInfo
from lotabots.checks.registry import RegistryError, all_checks, all_pages, lookup, verify
from lotabots.diagnostics.diagnostic import Severity


def test_a_page_is_found_by_code_and_by_name_whatever_the_case():
    page = lookup("lb204")
    assert page is not None
    assert page == lookup("Never-True")
    assert page.title == "A condition that no event can meet"
    assert page.markdown.startswith("# LB204: A condition that no event can meet\n\n`never-true`, ")


def test_an_unknown_code_has_no_page():
    assert lookup("LB999") is None


def test_codes_and_names_are_used_once():
    pages = all_pages()
    assert len({page.code for page in pages}) == len({page.name for page in pages}) == len(pages)
    assert list(pages) == sorted(pages)


def test_checks_come_in_the_order_of_their_codes():
    codes = [check.info.code for check in all_checks()]
    assert codes == sorted(codes)


def test_a_file_that_is_not_named_after_its_code_is_refused():
    with pytest.raises(RegistryError, match="file names start with the code"):
        verify([module("catalog.lb998_odd", "LB999", "odd")])


@pytest.mark.parametrize(("code", "name"), [("LB999", "odd"), ("LB001", "new"), ("LB998", "odd")])
def test_a_code_or_a_name_that_is_taken_is_refused(code: str, name: str):
    first = module("catalog.lb997_first", "LB997", "odd")
    second = module(f"catalog.{code.lower()}_second", code, name)
    with pytest.raises(RegistryError, match="already taken"):
        verify([first, second])


def module(path: str, code: str, name: str) -> ModuleType:
    made = ModuleType(path)
    made.CHECK = SimpleNamespace(info=CheckInfo(code, name, Severity.ERROR, "0.1"))  # type: ignore[attr-defined]  # built as a file would be
    return made
