"""What is in a Markdown file, as CommonMark has it: links, anchors, headings, generated blocks.

Markers in code are no markers, and links in code are no links, because a real parser says so.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_BYTES = 512 * 1024  # a large table needs five hundred times as much memory
BEGIN = re.compile(r"<!-- lotabots:begin ([a-z]+)(?: ([A-Za-z0-9_.]+))? -->")
END = "<!-- lotabots:end -->"
DROPPED = re.compile(r"[^\w\- ]")
LONE_RETURN = re.compile(rb"\r(?!\n)")


class UnreadError(Exception):
    """A file cannot be read as Markdown."""


class Link(NamedTuple):
    """Where a link or an image leads; `line` begins with 1."""

    target: str
    line: int


class Heading(NamedTuple):
    """A heading with the anchor that GitHub gives it."""

    level: int
    text: str
    anchor: str
    line: int


class Block(NamedTuple):
    """A generated block: what makes it, and the lines between the markers, counted from 0."""

    kind: str
    argument: str
    first: int
    last: int


class Page(NamedTuple):
    """A Markdown file. `fault` says why its markers cannot be relied on; it has no blocks then."""

    lines: tuple[str, ...]
    links: tuple[Link, ...]
    headings: tuple[Heading, ...]
    anchors: frozenset[str]
    blocks: tuple[Block, ...]
    fault: str

    def outside(self) -> tuple[tuple[str, ...], ...]:
        """The lines that no block holds, in their pieces; the markers are among them."""
        pieces, start = [], 0
        for block in self.blocks:
            pieces.append(self.lines[start : block.first])
            start = block.last
        return (*pieces, self.lines[start:])


class Reader:
    """Reads Markdown with the parser of a toolbox."""

    def __init__(self) -> None:
        from markdown_it import MarkdownIt  # noqa: PLC0415 - the toolbox is only then on the path

        self._parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])

    def read(self, data: bytes) -> Page:
        """The page in a file.

        Raises:
            UnreadError: it is too large or no UTF-8, or its lines cannot be counted.
        """
        if len(data) > MAX_BYTES:
            raise UnreadError(f"it is larger than {MAX_BYTES} bytes")
        if LONE_RETURN.search(data):
            raise UnreadError("it has line ends that not everybody counts")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnreadError("it is not UTF-8") from error
        try:
            return _page(text, self._parser.parse(text))
        except RecursionError as error:
            raise UnreadError("it is nested too deep") from error


def slug(text: str) -> str:
    """The anchor of a heading as GitHub makes it, without a number for further ones."""
    return DROPPED.sub("", text.strip().lower()).replace(" ", "-")


def _page(text: str, tokens: list[Any]) -> Page:
    links: list[Link] = []
    named: set[str] = set()
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        if token.type == "inline":
            links += _inline(token.children, line, named)
        elif token.type == "html_block":
            links += _html(token.content, line, named)
    headings = tuple(_headings(tokens))
    blocks, fault = _blocks(tokens)
    anchors = frozenset(named | {one.anchor for one in headings})
    return Page(tuple(text.split("\n")), tuple(links), headings, anchors, blocks, fault)


def _inline(children: list[Any], line: int, named: set[str]) -> Iterator[Link]:
    for token in children:
        if token.type in ("softbreak", "hardbreak"):
            line += 1
        elif token.type == "link_open":
            yield Link(str(token.attrs.get("href", "")), line)
        elif token.type == "image":
            yield Link(str(token.attrs.get("src", "")), line)
        elif token.type == "html_inline":
            yield from _html(token.content, line, named)


class _Tags(HTMLParser):
    """Links and names in raw HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, int]] = []
        self.named: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.named |= {known[name] for name in ("id", "name") if known.get(name)}
        wanted = {"a": "href", "img": "src"}.get(tag, "")
        if wanted in known:
            self.found.append((known[wanted], self.getpos()[0]))


def _html(content: str, line: int, named: set[str]) -> Iterator[Link]:
    tags = _Tags()
    tags.feed(content)
    named |= tags.named
    for target, below in tags.found:
        yield Link(target, line + below - 1)


def _headings(tokens: list[Any]) -> Iterator[Heading]:
    times: dict[str, int] = {}
    for opened, inline in pairwise(tokens):
        if opened.type != "heading_open":
            continue
        shown = [one.content for one in inline.children if one.type in ("text", "code_inline")]
        text = "".join(shown)
        plain = slug(text)
        number = times.get(plain, 0)
        times[plain] = number + 1
        anchor = f"{plain}-{number}" if number else plain
        yield Heading(int(opened.tag[1:]), text, anchor, opened.map[0] + 1)


def _blocks(tokens: list[Any]) -> tuple[tuple[Block, ...], str]:
    blocks: list[Block] = []
    begun: tuple[str, str, int] | None = None
    for token in tokens:
        if token.type != "html_block" or "lotabots:" not in token.content:
            continue
        text, line = token.content.strip(), token.map[0]
        match = BEGIN.fullmatch(text)
        if token.level or (match is None and text != END):
            return (), f"line {line + 1}: this is no marker of its own on a line of its own"
        if bool(begun) == bool(match):
            return (), f"line {line + 1}: the markers `begin` and `end` do not take turns"
        if match:
            begun = (match[1], match[2] or "", line + 1)
        elif begun:
            blocks.append(Block(*begun, line))
            begun = None
    return ((), "the last block has no end") if begun else (tuple(blocks), "")
