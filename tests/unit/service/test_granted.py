"""Secrets by the names that grants use, from variables that a shell can set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.service.granted import secrets, variable

if TYPE_CHECKING:
    import pytest


def test_a_secret_with_a_hyphen_comes_from_a_variable_that_a_shell_can_set(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv(variable("database-migrate"), "one")
    assert variable("database-migrate") == "LOTABOTS_SECRET_DATABASE_MIGRATE"
    assert secrets()["database-migrate"] == "one"
    assert secrets()["database_migrate"] == "one"


def test_a_variable_of_just_that_name_goes_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOTABOTS_SECRET_DATABASE_MIGRATE", "one")
    monkeypatch.setenv("LOTABOTS_SECRET_DATABASE-MIGRATE", "other")
    assert secrets()["database-migrate"] == "other"
    assert secrets()["database_migrate"] == "one"
