"""Compose a rule file: bytes to nodes that know their places, with every error of form.

Rules:

- Nothing is constructed: a plain scalar stays text, whatever YAML 1.1 would make of it. An
  empty value is a plain scalar with the text "".
- What makes a file mean something else than it seems to is refused: repeated keys, anchors,
  aliases, merge keys, tags, directives, several documents. The finding is recorded and the tree
  is completed as YAML would, so that the decoder does not complain about the same thing again.
- An error of syntax or a limit ends the reading: the findings so far are kept and there is no
  tree, because half a file must not be judged as if it were the whole.
- libyaml decides what YAML is. PyYAML's parser in Python, its substitute where the wheel has no
  libyaml, takes some texts that libyaml refuses, and the same fleet must have the same findings
  on every machine (ADR 8).
- Total: any bytes give an answer, in time and space proportional to their length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.syntax import libyaml
from lotabots.syntax.text import decode

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.syntax.nodes import Node


def compose(path: str, data: bytes) -> tuple[Node | None, tuple[Diagnostic, ...]]:
    """The tree of the file at `path` and what is wrong with its form.

    The tree is None for a file without content and after an error that ends the reading (then
    there is at least one finding). Never raises, whatever `data` is.
    """
    text, unreadable = decode(path, data)
    if text is None:
        return None, unreadable
    return libyaml.read(path, text)
