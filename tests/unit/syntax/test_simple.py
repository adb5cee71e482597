"""What the reader of simple files takes, and what it leaves to libyaml."""

from __future__ import annotations

import pytest

from lotabots.syntax import libyaml, simple
from lotabots.syntax.limits import MAX_DEPTH, MAX_NODES, MAX_SCALAR

SIMPLE = {
    "plain values": "a: b\nc: 1.10\nd: it's # not it\n",
    "colons and sharps inside": "a: http://host:80/x\nb: '# no comment'\n",
    "quoted keys and values": '"a?": "b"\nc: \'d\'\ne: ""\n',
    "nothing": "a:\nb:   # nothing\nc: d\n",
    "a list below its key": "a:\n- b\n- c\nd: e\n",
    "lists of mappings": "a:\n  - b: c\n    d:\n      - e\n  -   f: g\n",
    "flow collections": "a: [b, [c], {d: e, 'f': [ g ]}, [], {}]   # h\n",
    "a list as the root": "# a\n\n- b\n- [c]\n",
    "comments at any depth": "a:\n# b\n  c: d\n      # e\n  f: g\n",
}

UNUSUAL = {
    "nothing at all": "",
    "comments only": "# a\n",
    "no end of line": "a: b",
    "windows": "a: b\r\n",
    "tabs": "a:\tb\n",
    "not ASCII": "a: ä\n",
    "a scalar as the root": "a\n",
    "an indented root": "  a: b\n",
    "a document mark": "---\na: b\n",
    "an anchor": "a: &b c\n",
    "an alias": "a: *b\n",
    "a tag": "a: !b c\n",
    "a merge key": "<<: {a: b}\n",
    "a block scalar": "a: |\n  b\n",
    "a folded plain value": "a: b\n  c\n",
    "a folded quoted value": 'a: "b\n  c"\n',
    "an escape": 'a: "b\\n"\n',
    "a doubled quote": "a: 'b''c'\n",
    "a flow collection over lines": "a: [b,\n  c]\n",
    "a repeated key": "a: b\na: c\n",
    "a repeated key in flow": "a: {b: c, b: d}\n",
    "a pair in a list": "a: [b: c]\n",
    "a key without a value in flow": "a: {b}\n",
    "a key that is a list": "a: {[b]: c}\n",
    "a comma at the end": "a: [b,]\n",
    "text behind a collection": "a: [b] c\n",
    "the wrong end": "a: [b}\n",
    "no end": "a: [b\n",
    "a colon and no space in flow": "a: [b:c]\n",
    "two mappings in a value": "a: b: c\n",
    "a list in a list": "- - a\n",
    "a dash and nothing": "-\n- a\n",
    "a list beside keys": "a: b\n- c\n",
    "keys beside a list": "- a\nb: c\n",
    "a key that is not as deep": "a:\n    b: c\n  d: e\n",
    "a key that is too deep": "a: b\n  c: d\n",
}


@pytest.mark.parametrize("text", SIMPLE.values(), ids=SIMPLE)
def test_simple_files_give_the_nodes_of_libyaml(text: str) -> None:
    assert (simple.read("f", text), ()) == libyaml.read("f", text)


@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_files_are_left_alone(text: str) -> None:
    assert simple.read("f", text) is None


def test_deep_and_long_files_are_left_alone() -> None:
    deep = "".join(f"{'  ' * depth}a:\n" for depth in range(MAX_DEPTH + 1))
    items = "".join(f"{'  ' * depth}- a:\n" for depth in range(MAX_DEPTH // 2 + 1))
    flow = f"a: {'[' * MAX_DEPTH}{']' * MAX_DEPTH}\n"
    long = f"a: {'b' * MAX_SCALAR}\nb: c\n"
    many = f"a: [{'b, ' * MAX_NODES}c]\n"
    lines = "- a: b\n" * (MAX_NODES // 4)
    texts = (deep, items, flow, long, many, lines)
    assert [simple.read("f", text) for text in texts] == [None] * len(texts)


def test_a_long_file_far_from_the_limits_is_simple() -> None:
    text = "- a\n" * (MAX_SCALAR // 4 + 1)
    assert (simple.read("f", text), ()) == libyaml.read("f", text)
