"""``graphs/dependencies.yaml``: who may start whom."""

from __future__ import annotations

from typing import Final

from lotabots.model.codec.collection import listing
from lotabots.model.codec.names import EVENT, NODE
from lotabots.model.codec.record import record
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.fleet import Edge

MAX_EDGES: Final = 50_000

_EDGE: Final = Shape(
    "an edge",
    "One bot or gate may start another.",
    [
        Key("from", "source", NODE, "the bot or gate that starts", required=True),
        Key("to", "target", NODE, "the bot or gate that is started", required=True),
        Key("via", "via", listing(EVENT, unique=str), "by which events; any if left out"),
    ],
)

EDGES: Final = Shape(
    "a dependencies file",
    "graphs/dependencies.yaml: the declared dependency graph.",
    [
        Key(
            "edges",
            "edges",
            listing(
                record(Edge, _EDGE),
                most=MAX_EDGES,
                unique=lambda edge: f"{edge.source} -> {edge.target}",
                again="keep one of them, with the events of both in its `via`",
            ),
            "the edges",
            required=True,
        )
    ],
)
