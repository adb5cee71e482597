"""Reports for people, asserted as whole pages."""

from __future__ import annotations

from textwrap import dedent
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.diagnostics.diagnostic import Diagnostic, Label, Severity
from lotabots.diagnostics.render_text import counts, render
from lotabots.diagnostics.span import Span, start_of

BOT = "rules/bots/a.yaml"


def at(path: str, line: int, start: int, end: int, text: str = "") -> Label:
    return Label(Span(path, line, start, line, end), text)


def error(primary: Label, message: str = "wrong", *related: Label) -> Diagnostic:
    return Diagnostic("LB101", Severity.ERROR, message, primary, related=related)


def frames(found: Diagnostic, text: str, *, width: int = 80) -> str:
    """The report of one finding in a file of this text, without the summary."""
    report = render([found], {BOT: text.encode()}, color=False, width=width)
    return report.rsplit("\n\n", 1)[0] + "\n"


def page(text: str) -> str:
    return dedent(text).removeprefix("\n")


def test_a_report_has_a_frame_remarks_and_a_summary() -> None:
    found = Diagnostic(
        "LB101",
        Severity.ERROR,
        "event `build.complted` is not in the catalogue",
        at(BOT, 2, 12, 26, "no event has this name"),
        help="did you mean `build.completed`?",
        notes=("declared events are in rules/events.yaml", "names are case-sensitive"),
        example='{"type": "build.complted"}',
    )
    text = b"triggers:\n- pattern: build.complted\n"
    assert render([found], {BOT: text}, color=False, width=80) == page("""
        error[LB101]: event `build.complted` is not in the catalogue
         --> rules/bots/a.yaml:2:12
          |
        2 | - pattern: build.complted
          |            ^^^^^^^^^^^^^^ no event has this name
          |
          = help: did you mean `build.completed`?
          = note: declared events are in rules/events.yaml
          = note: names are case-sensitive
          = example: {"type": "build.complted"}

        1 error in 1 file
        more about a code: `lotabots explain LB101`
        """)


def test_a_place_nearby_shares_the_frame() -> None:
    found = error(at(BOT, 4, 1, 2, "again"), "twice", at(BOT, 1, 1, 2, "first"))
    assert frames(found, "a: 1\nb: 2\nc: 3\na: 4\n") == page("""
        error[LB101]: twice
         --> rules/bots/a.yaml:4:1
          |
        1 | a: 1
          | - first
        ...
        4 | a: 4
          | ^ again
        """)


def test_a_single_line_between_two_places_is_shown() -> None:
    found = error(at(BOT, 3, 1, 2), "twice", at(BOT, 1, 1, 2))
    assert frames(found, "a: 1\nb: 2\na: 4\n") == page("""
        error[LB101]: twice
         --> rules/bots/a.yaml:3:1
          |
        1 | a: 1
          | -
        2 | b: 2
        3 | a: 4
          | ^
        """)


def test_a_place_far_away_or_in_another_file_has_its_own_frame() -> None:
    other = "rules/events.yaml"
    found = error(at(BOT, 30, 1, 2), "wrong", at(BOT, 1, 1, 2, "far"), at(other, 1, 1, 7, "there"))
    sources = {BOT: b"a: 1\n" * 30, other: b"events: {}\n"}
    assert render([found], sources, color=False, width=80).startswith(
        page("""
        error[LB101]: wrong
          --> rules/bots/a.yaml:30:1
           |
        30 | a: 1
           | ^
          ::: rules/bots/a.yaml:1:1
           |
         1 | a: 1
           | - far
          ::: rules/events.yaml:1:1
           |
         1 | events: {}
           | ------ there
        """)
    )


def test_two_places_on_a_line_have_an_underline_each() -> None:
    found = error(at(BOT, 1, 8, 12, "this"), "wrong", at(BOT, 1, 1, 5, "with that"))
    assert frames(found, "that   this\n") == page("""
        error[LB101]: wrong
         --> rules/bots/a.yaml:1:8
          |
        1 | that   this
          | ---- with that
          |        ^^^^ this
        """)


def test_a_place_of_several_lines_shows_the_first_and_the_last() -> None:
    found = error(Label(Span(BOT, 1, 4, 5, 5), "all of it"))
    assert frames(found, "a: [\n  1,\n  2,\n  3,\n  4]\n") == page("""
        error[LB101]: wrong
         --> rules/bots/a.yaml:1:4
          |
        1 | a: [
          |    ^
        ...
        5 |   4]
          |   ^^ all of it
        """)


def test_an_empty_place_gets_one_mark() -> None:
    assert frames(error(at(BOT, 1, 3, 3, "a value is missing")), "a:\n") == page("""
        error[LB101]: wrong
         --> rules/bots/a.yaml:1:3
          |
        1 | a:
          |   ^ a value is missing
        """)


def test_the_end_of_a_file_can_be_marked() -> None:
    assert frames(error(at(BOT, 2, 1, 1)), "a: [\n") == page("""
        error[LB101]: wrong
         --> rules/bots/a.yaml:2:1
          |
        2 |
          | ^
        """)


@pytest.mark.parametrize("path", ["rules/fleet.yaml", BOT])
def test_a_file_or_line_that_is_not_there_is_named_without_a_frame(path: str) -> None:
    label = Label(start_of(path)._replace(line=9, end_line=9), "expected here")
    report = render([error(label)], {BOT: b"a: 1\n"}, color=False, width=80)
    assert report.startswith(
        page(f"""
        error[LB101]: wrong
         --> {path}:9:1
          | expected here

        """)
    )


def test_a_tab_is_as_wide_as_its_underline() -> None:
    assert frames(error(at(BOT, 1, 1, 2)), "\ta: b\n").splitlines()[3:] == [
        "1 |     a: b",
        "  | ^^^^",
    ]


def test_wide_and_combining_characters_keep_the_underline_in_place() -> None:
    text = "a: \u65e5\u672c e\u0301x here\n"
    assert frames(error(at(BOT, 1, 11, 15)), text).splitlines()[3:] == [
        "1 | a: \u65e5\u672c e\u0301x here",
        "  |            ^^^^",
    ]


def test_a_long_line_is_cut_around_the_place() -> None:
    text = "a: " + "x" * 500 + " here " + "y" * 500 + "\n"
    assert frames(error(at(BOT, 1, 505, 509, "look")), text, width=40).splitlines()[3:] == [
        "1 | \u2026xxxxxxxx here yyyyyyyyyyyyyyyyyyyy\u2026",
        "  |           ^^^^ look",
    ]


def test_a_long_line_is_cut_at_its_end_when_the_place_is_at_its_start() -> None:
    text = "here: " + "x" * 500 + "\n"
    assert frames(error(at(BOT, 1, 1, 5)), text, width=40).splitlines()[3:] == [
        "1 | here: xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\u2026",
        "  | ^^^^",
    ]


def test_a_place_longer_than_the_line_that_is_shown_is_underlined_as_far_as_it_goes() -> None:
    lines = frames(error(at(BOT, 1, 4, 504)), "a: " + "x" * 500 + "\n", width=40).splitlines()
    assert lines[3:] == ["1 | a: " + "x" * 32 + "\u2026", "  |    " + "^" * 32]


def test_text_of_a_rule_file_cannot_command_the_terminal() -> None:
    evil = "x\x1b[2Jy\u202ez\x07\x85"
    found = Diagnostic(
        "LB101",
        Severity.ERROR,
        f"bot `{evil}\nerror[LB999]: forged` is odd",
        at(BOT, 1, 4, 5, evil),
        related=(Label(Span(f"rules/{evil}.yaml", 1, 1, 1, 1), evil),),
        help=evil,
        notes=(evil,),
        example=evil,
    )
    report = render([found], {BOT: f"a: {evil}\n".encode()}, color=False, width=80)
    assert all(c == "\n" or category(c)[0] not in {"C", "Z"} or c == " " for c in report)
    assert report.splitlines()[0] == (
        r"error[LB101]: bot `x\x1b[2Jy\u202ez\x07\x85\nerror[LB999]: forged` is odd"
    )


def test_colours_surround_words_and_change_nothing_else() -> None:
    found = error(at(BOT, 1, 1, 2, "look"))
    sources = {BOT: b"a: 1\n"}
    colored = render([found], sources, color=True, width=80)
    assert colored.splitlines()[0] == "\x1b[1;31merror[LB101]\x1b[0m\x1b[1m: wrong\x1b[0m"
    bare = colored
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[1;31m", "\x1b[1;34m"):
        bare = bare.replace(code, "")
    assert bare == render([found], sources, color=False, width=80)


def test_no_finding_has_no_report() -> None:
    assert render([], {}, color=False, width=80) == ""


def test_the_summary_counts_by_severity_and_names_the_worst_code() -> None:
    label = at(BOT, 1, 1, 1)
    found = [
        Diagnostic("LB301", Severity.NOTE, "c", label),
        Diagnostic("LB201", Severity.WARNING, "b", label),
        Diagnostic("LB101", Severity.ERROR, "a", at("rules/b.yaml", 1, 1, 1)),
        Diagnostic("LB102", Severity.ERROR, "a", label),
    ]
    assert counts(found) == "2 errors, 1 warning, 1 note in 2 files"
    assert render(found, {}, color=False, width=80).endswith(
        "2 errors, 1 warning, 1 note in 2 files\nmore about a code: `lotabots explain LB101`\n"
    )


_NUMBERS = st.integers(1, 200)
_SPANS = st.builds(
    lambda line, column, lines, end: Span(BOT, line, column, line + lines, end),
    _NUMBERS,
    _NUMBERS,
    st.integers(0, 5),
    _NUMBERS,
)


@given(st.binary(), st.lists(_SPANS, min_size=1, max_size=4), st.text(), st.integers(1, 120))
def test_any_place_in_any_file_can_be_shown(
    data: bytes, spans: list[Span], text: str, width: int
) -> None:
    primary, *related = (Label(span, text) for span in spans)
    found = Diagnostic("LB101", Severity.ERROR, text, primary, related=tuple(related))
    report = render([found], {BOT: data}, color=False, width=width)
    assert all(character.isprintable() for line in report.split("\n") for character in line)


def test_places_too_far_apart_for_one_width_show_their_line_twice() -> None:
    text = "here: " + "x" * 500 + " there\n"
    found = error(at(BOT, 1, 508, 513, "this"), "wrong", at(BOT, 1, 1, 5, "with that"))
    assert frames(found, text, width=40).splitlines()[3:] == [
        "1 | here: " + "x" * 29 + "\u2026",
        "  | ---- with that",
        "1 | \u2026" + "x" * 8 + " there",
        "  |           ^^^^^ this",
    ]
