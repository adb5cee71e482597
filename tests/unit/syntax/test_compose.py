"""What a rule file is read into, and what is said about its form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml import BaseLoader, dump, load

from lotabots.diagnostics.codes import DUPLICATE_KEY, SYNTAX
from lotabots.diagnostics.diagnostic import Diagnostic, Label
from lotabots.diagnostics.span import Span
from lotabots.syntax.compose import compose
from lotabots.syntax.limits import MAX_BYTES, MAX_DEPTH, MAX_FINDINGS, MAX_NODES, MAX_SCALAR
from lotabots.syntax.nodes import Mapping, Node, Scalar, Sequence

PATH = "rules/bots/testbot.yaml"


def tree(text: str) -> Node:
    node, findings = compose(PATH, text.encode())
    assert findings == ()
    assert node is not None
    return node


def findings(text: str | bytes) -> list[tuple[str, str, str, str, str]]:
    """Each finding as code, place, underlined text, message, help."""
    data = text.encode() if isinstance(text, str) else text
    return [
        (d.code, place(d), under(data, d.primary.span), d.message, d.help)
        for d in compose(PATH, data)[1]
    ]


def place(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.primary.span.line}:{diagnostic.primary.span.column}"


def under(text: str | bytes, span: Span) -> str:
    """The text that a span underlines, with lines counted independently of the composer."""
    data = text.decode(errors="replace") if isinstance(text, bytes) else text
    lines = data.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    first = lines[span.line - 1][span.column - 1 :]
    last = lines[span.end_line - 1][: span.end_column - 1]
    return "\n".join((first, *lines[span.line : span.end_line - 1], last))


def plain(node: Node) -> object:
    """The tree without places, as a loader that resolves no scalars would give it."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


def nodes(node: Node) -> list[Node]:
    if isinstance(node, Sequence):
        return [node, *(inner for item in node.items for inner in nodes(item))]
    if isinstance(node, Mapping):
        pairs = [part for entry in node.entries for part in entry]
        return [node, *(inner for part in pairs for inner in nodes(part))]
    return [node]


def value(text: str, key: str) -> Node:
    root = tree(text)
    assert isinstance(root, Mapping)
    return next(node for name, node in root.entries if name.text == key)


def test_nothing_is_constructed_from_a_plain_scalar() -> None:
    text = "on: yes\nversion: 1.10\ntime: 12:30:45\nnothing: ~\nempty:\n"
    assert plain(tree(text)) == {
        "on": "yes",
        "version": "1.10",
        "time": "12:30:45",
        "nothing": "~",
        "empty": "",
    }


def test_only_plain_scalars_are_plain() -> None:
    root = tree("[a, 'b', \"c\"]")
    assert [scalar.plain for scalar in nodes(root) if isinstance(scalar, Scalar)] == [
        True,
        False,
        False,
    ]
    assert value("a: |\n  1\n", "a") == Scalar("1\n", plain=False, span=Span(PATH, 1, 4, 2, 4))


@pytest.mark.parametrize(
    ("text", "key", "underlined"),
    [
        ("a: word\nb: x\n", "a", "word"),
        ("a: 'it''s'  # comment\n", "a", "'it''s'"),
        ("a:\n  b: 1\n  c: 2\n\n# comment\nd: 3\n", "a", "b: 1\n  c: 2"),
        ("a:\n- x\n- y\n\nb: 1\n", "a", "- x\n- y"),
        ("a:\n  - b: {c: d}\n\n\nz: 1\n", "a", "- b: {c: d}"),
        ("a: {b: [c, d]}  # comment\n", "a", "{b: [c, d]}"),
        ("a: |\n  one\n\n  two\n\n\n# comment\nb: 1\n", "a", "|\n  one\n\n  two"),
        ("a: >-  # folded\n  one\n", "a", ">-  # folded\n  one"),
        ("a: one\n  two   \n\nb: 1\n", "a", "one\n  two"),
        ("a:\r\n  b: 1\r\nc: 2\r\n", "a", "b: 1"),
        ("a: [x: y, z]\n", "a", "[x: y, z]"),
        ("\u00e9: \U0001f600 ok\na: 1\n", "\u00e9", "\U0001f600 ok"),
        ("{\U0001f600\U0001f600: 1, a: here}\n", "a", "here"),
        ("\ufeffa: 1\n", "a", "1"),
        ("a: b", "a", "b"),
    ],
)
def test_a_span_covers_its_value_and_nothing_after_it(text: str, key: str, underlined: str) -> None:
    assert under(text, value(text, key).span) == underlined


def test_a_pair_in_a_list_ends_with_its_value() -> None:
    text = "[a: b , c]"
    root = tree(text)
    assert isinstance(root, Sequence)
    assert under(text, root.items[0].span) == "a: b"


@pytest.mark.parametrize(
    ("text", "place_of_nothing"),
    [
        ("a:\n\nb: 1\n", (1, 3)),
        ("a:", (1, 3)),
        ("? a\n\n\n", (1, 4)),
        ("{a\n, b: 1}", (1, 3)),
    ],
)
def test_an_empty_value_is_where_it_was_left_out(
    text: str, place_of_nothing: tuple[int, int]
) -> None:
    empty = value(text, "a")
    line, column = place_of_nothing
    assert empty == Scalar("", plain=True, span=Span(PATH, line, column, line, column))


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "\ufeff"])
def test_a_file_without_content_has_no_tree_and_no_finding(text: str) -> None:
    assert compose(PATH, text.encode()) == (None, ())


def test_a_document_marker_alone_is_an_empty_value() -> None:
    assert tree("---") == Scalar("", plain=True, span=Span(PATH, 1, 4, 1, 4))
    assert tree("---\n") == Scalar("", plain=True, span=Span(PATH, 2, 1, 2, 1))


_JSON = st.recursive(
    st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(_JSON, st.booleans())
def test_what_pyyaml_writes_is_read_as_pyyaml_reads_it(data: object, flow: bool) -> None:
    text = dump(data, default_flow_style=flow, allow_unicode=False)
    node, found = compose(PATH, text.encode())
    if not found:
        assert node is not None
        assert plain(node) == load(text, BaseLoader)  # noqa: S506 - constructs only text


@given(_JSON, st.booleans())
def test_children_lie_in_order_within_their_parents(data: object, flow: bool) -> None:
    node, _ = compose(PATH, dump(data, default_flow_style=flow).encode())
    for parent in nodes(node) if node is not None else ():
        children = nodes(parent)[1:]
        assert parent.span[1:3] <= parent.span[3:5]
        assert all(parent.span[1:3] <= child.span[1:3] for child in children)
        assert all(child.span[3:5] <= parent.span[3:5] for child in children)


_SEED = """\
bot: {name: TestBot, version: 1.0.0, enabled: true}
triggers:
  - {type: event, pattern: "build.completed", when: 'payload.ref == "main"'}
actions:
  - name: run-tests
    command: |
      run
constraints: {max_concurrent_jobs: 5}
"""
_TEXT_OF_YAML = st.text("\t\n\r :-[]{}&*!|>'\"%@`#,?<~ab\\x01\u00e9\U0001f600")


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    start = draw(st.integers(0, len(_SEED)))
    end = draw(st.integers(start, min(len(_SEED), start + 20)))
    return _SEED[:start] + draw(_TEXT_OF_YAML) + _SEED[end:]


@given(st.binary() | (_mutated() | _TEXT_OF_YAML | st.text()).map(str.encode))
def test_any_bytes_give_an_answer_with_places_inside_the_file(data: bytes) -> None:
    node, found = compose(PATH, data)
    text = data.decode(errors="replace").removeprefix("\ufeff").replace("\r\n", "\n")
    lines = text.replace("\r", "\n").split("\n")
    for diagnostic in found:
        for label in (diagnostic.primary, *diagnostic.related):
            span = label.span
            assert 1 <= span.line <= span.end_line <= len(lines)
            assert 1 <= span.column <= len(lines[span.line - 1]) + 1
            assert 1 <= span.end_column <= len(lines[span.end_line - 1]) + 1
            assert span[1:3] <= span[3:5]
    assert node is None or all(inner.span[1:3] <= inner.span[3:5] for inner in nodes(node))


def test_a_repeated_key_is_shown_at_both_places_and_the_first_is_kept() -> None:
    text = "bot:\n  name: A\n  name: B\n"
    node, (found,) = compose(PATH, text.encode())
    assert node is not None
    assert plain(node) == {"bot": {"name": "A"}}
    assert found == DUPLICATE_KEY.at(
        Label(Span(PATH, 3, 3, 3, 7), "again here"),
        "key `name` is given twice in one mapping",
        subject="name",
        related=(Label(Span(PATH, 2, 3, 2, 7), "first here"),),
        help="keep one of the two",
    )


def test_an_alias_as_a_key_repeats_the_key_it_stands_for() -> None:
    codes = [code for code, *_ in findings("&a x: 1\n*a : 2\n")]
    assert codes == ["LB003", "LB003", "LB002"]


def test_anchors_aliases_and_merge_keys_are_refused_and_read_as_yaml_would() -> None:
    text = "a: &m {x: 1, y: 2}\nb:\n  <<: *m\n  y: 3\nc: *m\n"
    write_out = "write the value out where it is needed, or quote the text if it starts with"
    assert findings(text) == [
        ("LB003", "1:4", "&m", "anchor `&m` is not allowed", f"{write_out} `&`"),
        ("LB003", "3:7", "*m", "alias `*m` is not allowed", f"{write_out} `*`"),
        ("LB003", "3:3", "<<", "merge key `<<` is not allowed", "write the merged keys out"),
        ("LB003", "5:4", "*m", "alias `*m` is not allowed", f"{write_out} `*`"),
    ]
    node, _ = compose(PATH, text.encode())
    assert node is not None
    assert plain(node) == load(text.replace("<<: *m", "x: 1"), BaseLoader)  # noqa: S506


def test_a_tag_is_refused_where_it_stands() -> None:
    text = "a: !!int &n\n  # comment\n  '1'\nb: ! 2\nc: !<tag:x,2000:y> [d]\n"
    assert [(code, at, under) for code, at, under, *_ in findings(text)] == [
        ("LB003", "1:4", "!!int"),
        ("LB003", "1:10", "&n"),
        ("LB003", "4:4", "!"),
        ("LB003", "5:4", "!<tag:x,2000:y>"),
    ]


@pytest.mark.parametrize(
    ("text", "at", "underlined", "message", "cure"),
    [
        (
            "%YAML 1.2\n---\na: 1\n",
            "1:1",
            "%YAML 1.2",
            "directive `%YAML 1.2` is not allowed",
            "remove the line: rule files are always YAML 1.2",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "2:1",
            "---",
            "a rule file holds one document",
            "remove the `---`, or move what follows to a file of its own",
        ),
        (
            "[a, b]: c\n",
            "1:1",
            "[a, b]",
            "a key must be text, not a list or a mapping",
            "put quotes around a text that starts with `{` or `[`",
        ),
    ],
)
def test_what_a_rule_file_must_not_use_is_refused(
    text: str, at: str, underlined: str, message: str, cure: str
) -> None:
    assert findings(text) == [("LB003", at, underlined, message, cure)]


_QUOTE = "put the text in quotes"
_LINE_UP = "line it up with the other keys or items of the same level, with spaces"


@pytest.mark.parametrize(
    ("text", "at", "underlined", "message", "cure"),
    [
        ("a:\n\t- b\n", "2:1", "\t", "a tab cannot indent YAML", "indent with spaces"),
        ("a: b\n\tc: d\n", "2:1", "\t", "a tab cannot indent YAML", "indent with spaces"),
        ("a: |\n\tb\n", "2:1", "\t", "a tab cannot indent YAML", "indent with spaces"),
        (
            "a: 1\nb 2\nc: 3\n",
            "2:1",
            "b 2",
            "expected `:` after this key",
            "write `key: value`, with a space",
        ),
        ("a: 'b\nc: d\n", "1:4", "'", "the quote is never closed", "add the closing quote"),
        (
            "a: b: c\n",
            "1:5",
            ":",
            "a second `:` in this line",
            "put the text in quotes if the `:` belongs to it",
        ),
        (
            "a: b\n  c: d\n",
            "2:4",
            ":",
            "unexpected `:` inside a text of several lines",
            "check the indentation: the text above goes on into this line",
        ),
        ("a:\n    b: 1\n  c: 2\n", "3:3", "c", "the indentation fits nothing above", _LINE_UP),
        ("- a\nb: c\n", "2:1", "b", "the indentation fits nothing above", _LINE_UP),
        ("  a: 1\nb: 2\n", "2:1", "b", "the indentation fits nothing above", _LINE_UP),
        ("a: @b\n", "1:4", "@", "a text cannot start with `@`", _QUOTE),
        ("a: `b`\n", "1:4", "`", "a text cannot start with a backtick", _QUOTE),
        ("a: %b\n", "1:4", "%", "a text cannot start with `%`", _QUOTE),
        ("a: *.py\n", "1:4", "*", "a name must follow this character", _QUOTE),
        (
            'a: "b\\qc"\n',
            "1:6",
            "\\q",
            "this is not an escape of YAML",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        (
            "a: 'b' c\n",
            "1:8",
            "c",
            "unexpected text after the value",
            "put the whole value in quotes",
        ),
        ("a: ]\n", "1:4", "]", "unexpected `]`", f"remove it, or {_QUOTE}"),
        (": a\n", "1:1", ":", "unexpected `:`", f"remove it, or {_QUOTE}"),
        (
            "a: - b\n",
            "1:4",
            "-",
            "a list item cannot start here",
            "start the list on its own line, or use `[...]`",
        ),
        ("a: ? b\n", "1:4", "?", "`?` cannot start a key here", _QUOTE),
        (
            "a: |3x\n b\n",
            "1:6",
            "x",
            "unexpected text after the `|` or `>` of a block",
            "start the text on the next line",
        ),
        (
            "%WHAT 1\n---\na: 1\n",
            "1:1",
            "%",
            "this directive is not known",
            "remove the line that starts with `%`",
        ),
        (
            "a: !b!c d\n",
            "1:4",
            "!",
            "this tag cannot be read",
            "remove the tag, or put the text in quotes",
        ),
        (
            "[\n",
            "2:1",
            "",
            "the file ends where a value must follow",
            "write it, or close the brackets",
        ),
        ("...\n", "1:1", ".", "a value is missing here", "write the value"),
    ],
)
def test_an_error_of_syntax_names_the_character_and_the_likely_cure(
    text: str, at: str, underlined: str, message: str, cure: str
) -> None:
    assert findings(text) == [("LB001", at, underlined, message, cure)]
    assert compose(PATH, text.encode())[0] is None


def test_an_unclosed_bracket_is_shown_where_it_opens() -> None:
    (found,) = compose(PATH, b"scope: [a\nbot: b\n")[1]
    assert found == SYNTAX.at(
        Label(Span(PATH, 1, 8, 1, 9), "opened here"),
        "the list between brackets is not closed",
        related=(Label(Span(PATH, 2, 4, 2, 5), "expected `,` or `]`"),),
        help="add `,` or `]`, or put a text with special characters in quotes",
    )


def test_a_stray_word_between_brackets_is_shown_where_it_stands() -> None:
    (found,) = compose(PATH, b"a: {b: 'c' d}\n")[1]
    assert (place(found), found.primary.text) == ("1:12", "expected `,` or `}`")
    assert [label.text for label in found.related] == ["opened here"]


def test_findings_before_an_error_of_syntax_are_kept() -> None:
    assert [code for code, *_ in findings("a: 1\na: 2\nb: 'c\n")] == ["LB002", "LB001"]


@pytest.mark.parametrize(
    ("data", "at", "message"),
    [
        (b"a: 1\nb: \xc3\xa9\xff\n", "2:5", "byte 0xff is not UTF-8"),
        (b"\xff\xfea\x00:\x00", "1:1", "the file is UTF-16"),
        (b"\xfe\xff\x00a", "1:1", "the file is UTF-16"),
    ],
)
def test_a_file_that_is_not_utf8_is_refused_at_the_first_wrong_byte(
    data: bytes, at: str, message: str
) -> None:
    assert findings(data) == [("LB001", at, "", message, "save the file as UTF-8")]


@pytest.mark.parametrize(
    "character", ["\0", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\u200e", "\ufeff"]
)
def test_a_character_that_hides_or_controls_text_is_refused(character: str) -> None:
    text = f"a: 1\r\nb: x{character}{character}\n"
    (found,) = compose(PATH, text.encode())[1]
    assert found == SYNTAX.at(
        Label(Span(PATH, 2, 5, 2, 6)),
        f"character U+{ord(character):04X} is not allowed: it is invisible or controls how text "
        "is shown",
        help="remove it, or write it as an escape in a double-quoted text",
        notes=("1 more such character follows",),
    )


def _limit(text: str) -> list[tuple[str, str, str]]:
    node, found = compose(PATH, text.encode())
    assert node is None
    return [(d.code, place(d), d.message) for d in found if d.code == "LB004"]


def test_each_limit_ends_the_reading() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert compose(PATH, deepest.encode())[1] == ()
    assert _limit(f"[{deepest}]") == [
        ("LB004", "1:33", "collections are nested deeper than 32 levels")
    ]
    assert _limit("#" * (MAX_BYTES + 1)) == [
        ("LB004", "1:1", "the file has 1048577 bytes, more than 1048576")
    ]
    assert _limit("a: " + "x" * (MAX_SCALAR + 1)) == [
        ("LB004", "1:4", "a text is longer than 65536 characters")
    ]
    assert _limit("[" + "a," * MAX_NODES + "]") == [
        ("LB004", "1:1", "the file has more than 100000 values")
    ]
    assert _limit("a: b\n" * (MAX_FINDINGS + 5)) == [
        ("LB004", "101:1", "the file has 100 or more errors of form")
    ]


def test_aliases_of_aliases_do_not_grow() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 25))]
    node, found = compose(PATH, "\n".join(lines).encode())
    assert node is not None
    assert len(nodes(node)) < 300
    assert {d.code for d in found} == {"LB003"}


def test_an_alias_counts_as_often_as_it_is_used() -> None:
    text = "a: &a [" + "x," * 2000 + "]\nb: [" + "*a," * 60 + "]\n"
    assert _limit(text) == [("LB004", "2:4", "the file has more than 100000 values")]
