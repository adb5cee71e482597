"""What the host may do, as decisions on a history; a crash leaves a prefix of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.policy.doors import Door, Verb, closed, doors
from lotabots.policy.hosting import (
    Book,
    Hosted,
    Line,
    Release,
    State,
    add,
    back_from,
    listed,
    made_by,
    new_name,
    no_discard,
    no_promotion,
    no_scaling,
    no_start,
    read,
    state,
    superfluous,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

AT = "2026-01-01T00:00:00Z"
WISHES = ["seal", "promote", "back", "discard", "prune", "scale"]
DOORS = {door.name: door for door in doors(["staging", "production"])}
DEPLOY, BACK = DOORS["deploy-staging"], DOORS["rollback"]
VERBS = {
    "deploy-production": {"status", "release", "check", "promote", "discard"},
    "deploy-staging": {"status", "release", "check", "promote", "discard"},
    "rollback": {"status", "start", "check", "promote"},
    "monitor": {"status", "targets", "probe", "metrics"},
    "scale": {"status", "scale"},
}


def sealed(number: int) -> Line:
    digest = f"sha256:{number:064x}"
    name = f"{number}-{digest[7:19]}"
    return Line(at=AT, verb="sealed", release=name, artifact=digest, tree="t", job=f"j{number}")


def names(count: int) -> list[str]:
    return [sealed(number).release for number in range(1, count + 1)]


def promoted(release: str, withdrew: str = "", reason: str = "") -> Line:
    return Line(at=AT, verb="promoted", release=release, withdrew=withdrew, reason=reason)


def three_deployed() -> tuple[list[str], Book]:
    one, two, three = names(3)
    lines = [sealed(1), promoted(one), sealed(2), promoted(two), sealed(3), promoted(three)]
    return [one, two, three], read(lines)


@st.composite
def histories(draw: st.DrawFn) -> list[Line]:
    """Histories as a host writes them: every step is one that was not refused."""
    lines: list[Line] = []
    book = Book()
    for wish in draw(st.lists(st.sampled_from(WISHES))):
        line = _step(draw, book, wish, len(lines))
        if line is not None:
            lines.append(line)
            book = add(book, line)
    return lines


def _step(draw: st.DrawFn, book: Book, wish: str, number: int) -> Line | None:  # noqa: PLR0911 - by wish
    if wish == "scale":
        until = draw(st.sampled_from(["", AT]))
        return Line(at=AT, verb="scaled", instances=draw(st.integers(-3, 99)), until=until)
    if wish == "seal":
        digest = f"sha256:{draw(st.integers(0, 2**256 - 1)):064x}"
        name = new_name(book, digest)
        return Line(at=AT, verb="sealed", release=name, artifact=digest, job=f"j{number}")
    if not book.releases:
        return None
    release = draw(st.sampled_from(sorted(book.releases)))
    everything = frozenset(book.releases)
    if wish == "promote" and not no_promotion(book, release, door=DEPLOY, running=everything):
        return promoted(release)
    if wish == "back":
        bad = draw(st.sampled_from(["", book.active]))
        return (
            promoted(release, withdrew=bad, reason="bad")
            if not no_promotion(book, release, door=BACK, running=everything, withdraw=bad)
            else None
        )
    if wish == "discard" and not no_discard(book, release):
        return Line(at=AT, verb="discarded", release=release, reason="no")
    gone = superfluous(book, (), keep=2)
    if wish == "prune" and gone:
        return Line(at=AT, verb="pruned", release=gone[0])
    return None


def usable(one: Release) -> bool:
    return one.withdrawn is None and one.discarded is None and not one.pruned


@given(histories(), st.data())
def test_after_a_crash_at_any_step_what_is_active_can_be_run(
    lines: Sequence[Line], data: st.DataObject
):
    book = read(lines[: data.draw(st.integers(0, len(lines)))])
    if book.active:
        assert usable(book.releases[book.active])
        assert book.releases[book.active].order > 0
        assert state(book, book.active, ()) is State.ACTIVE
    assert sum(state(book, name, ()) is State.ACTIVE for name in book.releases) <= 1
    assert book.spare != book.active or not book.active


@given(histories())
def test_rolling_back_again_and_again_ends_and_never_returns_to_what_was_bad(lines: list[Line]):
    book = read(lines)
    seen = {book.active}
    while there := back_from(book, book.active):
        assert there not in seen
        assert not no_start(book, there)
        running = frozenset({there})
        wish = {"door": BACK, "running": running, "withdraw": book.active}
        assert no_promotion(book, there, **wish) == ""
        seen.add(there)
        book = add(book, promoted(there, withdrew=book.active, reason="bad"))


@given(histories(), st.data())
def test_what_is_needed_is_never_pruned(lines: list[Line], data: st.DataObject):
    book = read(lines)
    running = data.draw(st.frozensets(st.sampled_from(sorted(book.releases) or ["x"])))
    gone = set(superfluous(book, running))
    assert not gone & {book.active, book.spare, back_from(book, book.active), *running}
    left = [one for one in book.releases.values() if not one.pruned and one.name not in gone]
    assert len([one for one in left if one.discarded is not None]) <= len(running)


def test_releases_that_never_get_active_push_out_no_way_back():
    ways = names(3)
    lines = [line for number in (1, 2, 3) for line in (sealed(number), promoted(ways[number - 1]))]
    book = read([*lines, *(sealed(number) for number in range(4, 20))])
    gone = superfluous(book, ())
    assert gone == tuple(names(19)[3:14])
    assert not set(gone) & set(ways)


def test_what_is_in_use_is_listed_however_many_failed_since():
    one, two, *failed = names(80)
    lines = [sealed(1), promoted(one), sealed(2), promoted(two)]
    for number, release in enumerate(failed, start=3):
        lines += [sealed(number), Line(at=AT, verb="discarded", release=release, reason="bad")]
    shown = [release.name for release in listed(read(lines))]
    assert shown == [*reversed(names(80)[32:]), two, one]


@given(histories())
def test_a_way_in_takes_new_releases_and_a_way_back_takes_old_ones(lines: list[Line]):
    book = read(lines)
    everything = frozenset(book.releases)
    for name, one in book.releases.items():
        if name == book.active:
            continue
        into = no_promotion(book, name, door=DEPLOY, running=everything)
        back = no_promotion(book, name, door=BACK, running=everything)
        assert not (into == "" and back == "")
        assert (into == "") == (usable(one) and not one.order)
        assert (back == "") == (usable(one) and one.order > 0)
        assert no_promotion(book, name, door=DEPLOY, running=())


@given(histories())
def test_names_count_up_and_are_never_given_twice(lines: list[Line]):
    given_out = [line.release for line in lines if line.verb == "sealed"]
    assert len(set(given_out)) == len(given_out)
    assert [one.number for one in listed(read(lines))] == sorted(
        (one.number for one in listed(read(lines))), reverse=True
    )


@given(histories(), st.integers(1, 64), st.integers(1, 64))
def test_the_number_of_instances_is_always_within_the_bounds(
    lines: list[Line], one: int, other: int
):
    least, most = sorted((one, other))
    hosted = Hosted(service="s", environment="e", run="s", listen="a:1", least=least, most=most)
    assert least <= wanted(hosted, read(lines)) <= most


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("verb", Verb)
def test_a_door_has_its_verbs_and_no_others(door: Door, verb: Verb):
    where = door.environment or "anywhere"
    assert (closed(door, verb, where) == "") == (verb in VERBS[door.name])


def test_the_door_of_an_environment_is_closed_for_another():
    assert closed(DEPLOY, Verb.PROMOTE, "production") == (
        "the door `deploy-staging` is for `staging` only"
    )


def test_a_rollback_goes_to_the_newest_that_was_good():
    (one, two, three), book = three_deployed()
    assert back_from(book, three) == two
    book = add(book, promoted(two, withdrew=three, reason="slow"))
    assert (book.active, book.spare, back_from(book, two)) == (two, "", one)
    assert state(book, three, {three}) is State.WITHDRAWN


def test_nobody_promotes_what_was_withdrawn():
    (_, two, three), book = three_deployed()
    book = add(book, promoted(two, withdrew=three, reason="slow"))
    for door in (DEPLOY, BACK):
        refusal = no_promotion(book, three, door=door, running={three})
        assert refusal == f"`{three}` was withdrawn: slow"
    assert no_start(book, three) == f"`{three}` was withdrawn: slow"


def test_a_rollback_of_what_is_not_active_any_more_is_refused():
    (one, two, three), book = three_deployed()
    refusal = no_promotion(book, one, door=BACK, running={one}, withdraw=two)
    assert refusal == f"`{two}` is not active any more (`{three}` is)"


def test_a_deploy_door_withdraws_nothing():
    (_, _, three), book = three_deployed()
    book = add(book, sealed(4))
    (_, _, _, four) = names(4)
    refusal = no_promotion(book, four, door=DEPLOY, running={four}, withdraw=three)
    assert refusal == "only a rollback withdraws a release; leave `withdraw` out"


def test_what_does_not_run_is_not_promoted():
    _, book = three_deployed()
    (_, _, _, four) = names(4)
    refusal = no_promotion(add(book, sealed(4)), four, door=DEPLOY, running=())
    assert refusal == f"`{four}` does not run; start it first"


def test_what_was_active_is_never_discarded():
    (one, _, three), book = three_deployed()
    assert no_discard(book, three) == f"`{three}` is active; promote another first"
    assert no_discard(book, one) == f"`{one}` was active before and stays for a way back"
    assert no_discard(book, "9-x") == (
        "there is no release `9-x` of this service here; ask for the status"
    )


def test_a_candidate_is_told_from_a_spare_and_from_what_does_not_run():
    (one, two, three), book = three_deployed()
    book = add(book, sealed(4))
    (_, _, _, four) = names(4)
    running = {two, three, four}
    assert [state(book, name, running).value for name in (one, two, three, four)] == [
        "stopped",
        "spare",
        "active",
        "candidate",
    ]


def test_the_release_of_a_job_is_found_again():
    _, book = three_deployed()
    found = made_by(book, "j2")
    assert found is not None
    assert found.name == names(2)[1]
    assert made_by(book, "") is None


def test_steps_that_mean_nothing_here_change_nothing():
    _, book = three_deployed()
    for line in (promoted("9-x"), Line(at=AT, verb="sung", release=names(1)[0])):
        after = add(book, line)
        assert (after.releases, after.active) == (book.releases, book.active)


def test_more_instances_are_for_a_time_that_has_bounds():
    hosted = Hosted(service="shop", environment="live", run="s", listen="a:1", least=2, most=4)
    for_s = {seconds: no_scaling(hosted, 4, for_s=seconds) for seconds in (0, 59, 604_801)}
    assert for_s[59] == "`for_s` must be from 60 to 604800 seconds, not 59"
    assert all(for_s.values())


def test_scaling_outside_the_bounds_is_refused_with_the_bounds():
    hosted = Hosted(service="shop", environment="live", run="s", listen="a:1", least=2, most=4)
    assert no_scaling(hosted, 4, for_s=60) == ""
    assert no_scaling(hosted, 5, for_s=60) == (
        "`shop.live` may have 2 to 4 instances, not 5; see lotabots.yaml"
    )
