"""Every boundary of every bot that has a program is attacked, and the page about it is right."""

from __future__ import annotations

import pytest

import boundaries
from boundaries import PAGE, ROOT, Line, Marks, marks_of, page, problems

LINE = Line("BuildBot", "deploy", "does not deploy", "rules/bots/buildbot.yaml", 18)
SURE = ("proof", "decision", "kernel")


def marked(*planes: str, denied: str = "deploy", bot: str = "BuildBot") -> Marks:
    text = "".join(f'@pytest.mark.boundary("{bot}", "{denied}", plane="{one}")\n' for one in planes)
    return marks_of("tests/test_x.py", f"{text}def test_it(): pass\n")


def test_every_boundary_is_attacked_on_every_plane_that_has_to_hold():
    found = problems(boundaries.boundaries(), boundaries.marks())
    assert found == [], "\n".join(found)


def test_all_bots_that_have_a_program_are_among_them():
    manifests = [path.read_text() for path in (ROOT / "bots").glob("*/manifest.yaml")]
    bots = {line.bot for line in boundaries.boundaries()}
    assert len(bots) == len(manifests)
    assert all(any(f"bot: {bot}\n" in text for text in manifests) for bot in bots)


def test_every_boundary_is_found_where_it_stands():
    for line in boundaries.boundaries():
        text = (ROOT / line.path).read_text().splitlines()[line.line - 1]
        denied = line.denies.partition(" on ")[0]
        assert f"deny: {denied}," in text
        assert line.reason in text


def test_the_page_is_up_to_date():
    wanted = page(boundaries.boundaries(), boundaries.marks().attacks)
    assert (ROOT / PAGE).read_text() == wanted, "cure: make generate"


def test_a_boundary_that_is_attacked_everywhere_it_must_hold_is_fine():
    assert problems([LINE], marked(*SURE)) == []


@pytest.mark.parametrize(("planes", "lacking"), [
    ((), [
        "no test shows that the decision stops `deny: deploy` of `BuildBot`",
        "no test shows that the proof stops `deny: deploy` of `BuildBot`",
        ("no test has the bot itself try `deny: deploy` of `BuildBot` (planes: `contract`, "
        "`broker`, `kernel`, `host`)"),
    ]),
    (("proof", "kernel"), ["no test shows that the decision stops `deny: deploy` of `BuildBot`"]),
    (("decision", "host"), ["no test shows that the proof stops `deny: deploy` of `BuildBot`"]),
    (("proof", "decision"), [
        ("no test has the bot itself try `deny: deploy` of `BuildBot` (planes: `contract`, "
        "`broker`, `kernel`, `host`)"),
    ]),
])  # fmt: skip
def test_a_boundary_without_a_test_is_named_with_its_place(
    planes: tuple[str, ...], lacking: list[str]
):
    wanted = [f"rules/bots/buildbot.yaml:18: {one}" for one in lacking]
    assert problems([LINE], marked(*planes)) == wanted


def test_an_unknown_plane_is_named_with_its_place():
    assert problems([LINE], marked(*SURE, "hope")) == [
        (
            "tests/test_x.py:4: `test_it` names the plane `hope`; there are `proof`, `decision`, "
            "`contract`, `broker`, `kernel`, `host`"
        )
    ]


@pytest.mark.parametrize(("bot", "denied"), [("BuildBot", "build"), ("ReviewBot", "deploy")])
def test_an_unknown_boundary_is_named_with_its_place(bot: str, denied: str):
    more = marked("kernel", bot=bot, denied=denied)
    found = Marks((*marked(*SURE).attacks, *more.attacks), ())
    said = f"tests/test_x.py:1: `test_it` attacks `{denied}`, no boundary of `{bot}`"
    assert problems([LINE], found) == [said]


def test_a_boundary_that_holds_somewhere_is_another_than_one_that_holds_everywhere():
    line = LINE._replace(denies="deploy on production")
    assert len(problems([line], marked(*SURE))) == 3 + 3
    assert problems([line], marked(*SURE, denied="deploy on production")) == []


UNCLEAR = 'a mark must be `@pytest.mark.boundary("Bot", "capability", plane="...")`'


@pytest.mark.parametrize(("text", "said"), [
    ("@pytest.mark.boundary\ndef test_it(): pass\n", "1: this mark is on no test"),
    ("@pytest.mark.boundary()\ndef test_it(): pass\n", f"1: {UNCLEAR}"),
    ('@pytest.mark.boundary("B", plane="kernel")\ndef test_it(): pass\n', f"1: {UNCLEAR}"),
    ('@pytest.mark.boundary("B", "c")\ndef test_it(): pass\n', f"1: {UNCLEAR}"),
    ('@pytest.mark.boundary("B", C, plane="kernel")\ndef test_it(): pass\n', f"1: {UNCLEAR}"),
    ('@pytest.mark.boundary("B", "c", plane=P)\ndef test_it(): pass\n', f"1: {UNCLEAR}"),
    ('@pytest.mark.boundary("B", *D, plane="kernel")\ndef test_it(): pass\n', f"1: {UNCLEAR}"),
    ('@pytest.mark.boundary("B", "c", plane="kernel", **M)\ndef test_it(): pass\n',
     f"1: {UNCLEAR}"),
    ('@pytest.mark.boundary("B", "c", plane="kernel")\ndef check(): pass\n',
     "1: this mark is on no test"),
    ('pytestmark = pytest.mark.boundary("B", "c", plane="kernel")\n', "1: this mark is on no test"),
    ("import pytest\nmark = pytest.mark.boundary\n", "2: this mark is on no test"),
    ('@pytest.mark.boundary("B", "c", plane="kernel")\n@pytest.mark.skip\ndef test_it(): pass\n',
     "3: `test_it` attacks a boundary, but may be skipped"),
    (('@pytest.mark.xfail(reason="x")\n@pytest.mark.boundary("B", "c", plane="kernel")\n'
     'def test_it(): pass\n'), "3: `test_it` attacks a boundary, but may be skipped"),
])  # fmt: skip
def test_a_mark_that_proves_nothing_is_named_with_its_place(text: str, said: str):
    assert marks_of("tests/test_x.py", text).problems == (f"tests/test_x.py:{said}",)


def test_marks_of_parameters_count_too():
    text = """
@pytest.mark.parametrize("x", [
    pytest.param(1, marks=pytest.mark.boundary("BuildBot", "deploy", "test.run", plane="broker")),
])
async def test_it(x): pass
"""
    found = marks_of("tests/test_x.py", text)
    assert [(one.denies, one.plane, one.line) for one in found.attacks] == [
        ("deploy", "broker", 3),
        ("test.run", "broker", 3),
    ]
    assert found.problems == ()
