"""Whatever a rule file holds, reading it gives findings and never an exception."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jsonschema
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import strategies
from lotabots.diagnostics.span import Span
from lotabots.model.encode import encode
from lotabots.model.layout import MANDATORY, SHAPES, shape_of
from lotabots.model.load import load
from lotabots.model.schema import schemas
from lotabots.syntax.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from lotabots.model.codec.codec import Findings
    from lotabots.model.fleet import Fleet

BOT_PATH = "rules/bots/b.yaml"
PATHS = (*SHAPES, BOT_PATH)
SPAN = Span("f", 1, 1, 1, 2)
FILE_SCHEMAS = {
    name.removesuffix(".schema.json"): jsonschema.Draft7Validator(schema)
    for name, schema in schemas(None).items()
}
WORDS = sorted(
    {key.name for path in PATHS for key in (shape_of(path) or SHAPES[path]).keys}
    | {"name", "type", "pattern", "set", "enum", "list", "fields", "all", "count", "deny", "emits"}
    | {"a.b", "BuildBot", "$x", "$hops + 1", "1", "-1.5", "1e9", "0x1f", "15m", "64KiB", "true"}
    | {"yes", "null", "", "~", "event", "schedule", "0 3 * * *", "*", "gate.x", "string", "a?"}
)

scalars = st.builds(
    Scalar,
    st.sampled_from(WORDS) | st.text(max_size=5) | st.text("0123456789.eE+-", max_size=50),
    st.booleans(),
    st.just(SPAN),
)


nodes: st.SearchStrategy[Node] = st.deferred(lambda: scalars | scalars | sequences | mappings)
sequences = st.builds(Sequence, st.lists(nodes, max_size=3).map(tuple), st.just(SPAN))
mappings = st.builds(
    Mapping,
    st.dictionaries(scalars, nodes, max_size=5).map(lambda held: tuple(held.items())),
    st.just(SPAN),
)


@given(st.sampled_from(PATHS), nodes)
def test_any_node_is_read_without_an_exception(path: str, node: Node):
    findings: Findings = []
    shape = shape_of(path)
    assert shape is not None
    collected = shape.collect(node, findings, {})
    assert findings or (collected is not None and collected[1])


@given(st.dictionaries(st.sampled_from((*PATHS, "rules/x.yaml", "README.md")), st.binary()))
def test_any_bytes_are_loaded_without_an_exception(files: dict[str, bytes]):
    loaded = load(files)
    assert all(finding.help for finding in loaded.diagnostics)
    assert loaded == load(dict(reversed(files.items())))


def routes(value: Any, route: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    below = value.items() if isinstance(value, dict) else enumerate(value)
    found = [route]
    for key, each in below:
        deeper = isinstance(each, dict | list)
        found += routes(each, (*route, key)) if deeper else [(*route, key)]
    return found


@settings(max_examples=settings.default.max_examples // 2)
@given(strategies.fleets(), st.data())
def test_a_fault_that_the_schema_sees_the_decoder_sees_too(fleet: Fleet, data: st.DataObject):
    """Both come from one description; this is what would show that they drifted."""
    files = encode(fleet)
    path = data.draw(st.sampled_from(sorted(files)))
    changed: Any = copy.deepcopy(files[path])
    route = data.draw(st.sampled_from(routes(changed)[1:] or [()]))
    assume(route)
    holder = changed
    for step in route[:-1]:
        holder = holder[step]
    # A plain scalar is text where text is wanted, so a number or a truth value is no fault there.
    plain = isinstance(holder[route[-1]], int)
    faults = [None, {}, [], "", "No such name!", "\x07", {"x y": 1}, [[]]]
    faults += [1.5, 10**20, -1, True, 0] if plain else []
    holder[route[-1]] = data.draw(st.sampled_from(faults))
    kind = "bot" if path not in SHAPES else path.split("/")[1].split(".")[0]
    if not FILE_SCHEMAS[kind].is_valid(changed):
        loaded = load(strategies.dump({**files, path: changed}))
        assert path in loaded.fleet.broken


@given(st.sampled_from(sorted(MANDATORY)))
def test_a_missing_file_is_a_finding(path: str):
    files = {known: b"" for known in MANDATORY if known != path} | {BOT_PATH: b"bot: {name: B}"}
    assert [d.code for d in load(files).diagnostics if d.primary.span.path == path] == ["LB010"]
