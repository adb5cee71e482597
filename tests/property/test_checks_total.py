"""Whatever a fleet says, the checks answer, and their answer does not depend on order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import strategies
from lotabots.checks.registry import all_checks, all_pages
from lotabots.checks.run import run
from lotabots.model.encode import encode
from lotabots.model.load import Loaded, load

if TYPE_CHECKING:
    from random import Random

    from lotabots.model.fleet import Fleet

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@slow
@given(strategies.fleets())
def test_the_checks_never_fail_on_a_fleet_that_can_be_written(fleet: Fleet):
    known = {page.code: page.severity for page in all_pages()}
    for found in run(Loaded(fleet, ())).diagnostics:
        assert known[found.code] == found.severity
        assert found.message[:1] not in ("", ".")
        assert not found.message.endswith(".")
        assert found.subject
        assert found.help


@slow
@given(strategies.fleets(), st.randoms(use_true_random=False))
def test_the_order_of_files_and_checks_changes_nothing(fleet: Fleet, random: Random):
    files = list(strategies.dump(encode(fleet)).items())
    straight = run(load(dict(files))).diagnostics
    random.shuffle(files)
    checks = list(all_checks())
    random.shuffle(checks)
    assert run(load(dict(files)), checks=checks).diagnostics == straight


@slow
@given(strategies.fleets())
def test_every_finding_has_a_place_in_a_file(fleet: Fleet):
    files = strategies.dump(encode(fleet))
    for found in run(load(files)).diagnostics:
        for label in (found.primary, *found.related):
            assert label.span.path in files or found.code == "LB010"
            assert label.span.line >= 1
