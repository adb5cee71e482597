"""The reader of simple files says what libyaml says, or leaves the file to it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from lotabots.syntax import libyaml, simple
from lotabots.syntax.text import decode

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    str(path.relative_to(ROOT)): path.read_bytes()
    for folder in ("rules", "graphs", "examples", "tests/golden")
    for path in sorted((ROOT / folder).rglob("*.y*ml"))
}
TEXTS = [text for path, data in FILES.items() if (text := decode(path, data)[0])]

# What changes the meaning of YAML where it is put in or taken away.
DAMAGE = (
    *(" ", "  ", "\n", "\n  ", "\n\n", "-", "- ", "- - ", "\n- ", ":", ": ", "x: ", "b c: "),
    *("#", " #", "'", '"', "''", '"a": ', "[", "]", "{", "}", "[]", "{}", ",", ", ", "a", "0"),
    *("$", "(", "~", ".", "|", ">", "&a ", "*a", "!t ", "?", "? ", "%", "@", "`", "=", "<<: "),
    *("\\", "---\n", "...\n", "é"),
)

keys = st.sampled_from(
    ("a", "b", "c", "name", "on", "a.b", "x-1", "$y", "a?", '"a"', '"b c?"', "1")
)
plains = st.sampled_from(
    (
        "a",
        "b c",
        "1",
        "1.10",
        "5m",
        "a.b",
        "$x",
        "$n + 1",
        "it's",
        "http://x:1/y",
        "*/5 *",
        "a b: c",
    )
)
scalars = plains | st.sampled_from(
    ('"a"', "'b'", '""', "''", '"a # b"', "'a: b'", '"{x}"', '"[,]"')
)
gaps = st.sampled_from(("", "", " ", "  "))
comments = st.sampled_from(("", "", "", " # c", "   # it's: [x", " "))
flows = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(keys, inner), max_size=3).map(
            lambda items: "{" + ", ".join(f"{k}: {v}" for k, v in items) + "}"
        )
        | st.tuples(gaps, inner, gaps).map(lambda parts: f"[{''.join(parts)}]")
    ),
    max_leaves=6,
)


@st.composite
def blocks(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """The lines of a block collection, without indent; some are wrong."""
    lines: list[str] = []
    dashes = draw(st.booleans())
    for key in draw(st.lists(keys, min_size=1, max_size=3, unique=True)):
        lead = "- " if dashes else f"{key}:"
        if depth < 3 and draw(st.booleans()):
            below = draw(blocks(depth=depth + 1))
            if dashes:
                lines += [f"- {below[0]}", *(f"  {line}" for line in below[1:])]
            else:
                indent = draw(st.sampled_from(("  ", "    ", "")))
                lines += [lead + draw(comments), *(indent + line for line in below)]
        else:
            value = draw(flows | st.just(""))
            lines.append(f"{lead} {value}".rstrip() + draw(comments))
        lines += draw(st.sampled_from(([], [], [""], ["# comment"], ["      # c: [x"])))
    return lines


def same(text: str) -> str:
    """Compare; whether there was anything to compare."""
    node = simple.read("f", text)
    if node is None:
        return "left alone"
    assert libyaml.read("f", text) == (node, ())
    return "simple"


@given(blocks())
def test_generated_files_are_read_alike(lines: list[str]) -> None:
    event(same("\n".join([*lines, ""])))


@given(st.data())
def test_damaged_pieces_of_files_are_read_alike(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    begin = data.draw(st.integers(0, len(lines) - 1))
    text = dedent("".join(lines[begin : begin + data.draw(st.integers(1, 9))]))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(text)))
        removed = data.draw(st.integers(0, 4))
        text = text[:place] + data.draw(st.sampled_from(("", *DAMAGE))) + text[place + removed :]
    readable, _ = decode("f", text.encode())
    assume(readable is not None)
    event(same(text))


@pytest.mark.parametrize("path", FILES)
def test_real_files_are_read_alike(path: str) -> None:
    text, _ = decode(path, FILES[path])
    if text is not None:
        same(text)


def test_the_rules_of_this_repository_are_simple() -> None:
    left_alone = [
        path
        for path, data in FILES.items()
        if path.startswith(("rules/", "graphs/")) and simple.read(path, data.decode()) is None
    ]
    assert left_alone == []
