"""Hypothesis strategies for the values of the model: whole fleets, their parts, payloads.

Names come from small pools, so that references often hit. Every value is one that the decoder can
give: `load(dump(encode(fleet)))` is `fleet` for every drawn fleet.
Payloads and their types come from `payload_strategies`.

Every strategy is made once: Hypothesis takes longer to make and check one than to draw from it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

from lotabots.model.bot import (
    Action,
    Backoff,
    Bot,
    Boundary,
    BreakerPolicy,
    Constraints,
    Copied,
    Counted,
    Counter,
    Emission,
    Grants,
    Output,
    RetryPolicy,
    SetValue,
    Trigger,
    TriggerKind,
)
from lotabots.model.capability import Capability, CapabilityTree, Claim
from lotabots.model.event import (
    BUILT_IN,
    MAX_SAFE_INTEGER,
    ArtifactKind,
    EventType,
)
from lotabots.model.fleet import (
    CorrelatorKind,
    Edge,
    Fleet,
    Gate,
    GateKind,
    GatePart,
    Phase,
    Settings,
)
from lotabots.model.invariant import (
    Holding,
    Invariant,
    InvariantKind,
    Origin,
    Passage,
    Target,
)
from payload_strategies import (
    MEMBERS,
    json_text,
    maybe_texts,
    object_types,
    payload_types,
    payloads,
    some,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

__all__ = ["json_text", "object_types", "payload_types", "payloads", "texts"]

T = TypeVar("T")

BOTS = ("BackupBot", "BuildBot", "DeployBot", "LintBot", "TestBot")
EVENTS = ("backup.done", "build.completed", "build.failed", "deploy.requested", "test.completed")
CAPABILITIES = ("backup", "code", "code.modify", "code.modify.format", "deploy", "test.run")
GATES = ("quorum", "release", "silence")
ACTIONS = ("act", "retry_it", "run-tests")
SLUGS = ("core", "development", "later", "security")
ARTIFACTS = ("report", "wheel")
RESOURCES = ("*", "db-1", "db-*", "repo/*/main")


@cache
def conditions() -> st.SearchStrategy[str]:
    """A few well-formed conditions."""
    return st.sampled_from(
        ['payload.ref == "main"', "payload.count > 3", "has(payload.branch)", "event.hops < 4"]
    )


@cache
def sources() -> st.SearchStrategy[str]:
    """Who may have emitted an event, as `from:` and `emitters:` say it."""
    return st.sampled_from((*BOTS, *(f"gate.{name}" for name in GATES), "cli.*", "ingress.git"))


@cache
def maybe_sources() -> st.SearchStrategy[str]:
    """What `from:` says, or that it is not there."""
    return st.just("") | sources()


@cache
def maybe_conditions() -> st.SearchStrategy[str]:
    """What `when:` says, or that it is not there."""
    return st.just("") | conditions()


@cache
def patterns() -> st.SearchStrategy[str]:
    """Event patterns."""
    return st.sampled_from((*EVENTS, "build.*", "*.completed", "test.**", "**"))


@cache
def nodes() -> st.SearchStrategy[str]:
    """Names of nodes of the graph: bots and gates."""
    return st.sampled_from((*BOTS, *(f"gate.{name}" for name in GATES)))


@cache
def durations(least: int = 0, most: int = 86_400) -> st.SearchStrategy[Decimal | int]:
    """Seconds, whole or with up to nine places."""
    whole = st.integers(least, most)
    parts = st.decimals(least, most, places=3, allow_nan=False)
    return whole | parts.filter(lambda value: value != int(value))


@cache
def set_values() -> st.SearchStrategy[dict[str, SetValue]]:
    """What `set:` of an emission may hold."""
    values = (
        texts()
        | st.sampled_from(("", "$", "$x", "true", "1.10"))
        | st.booleans()
        | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
        | st.builds(Copied, st.sampled_from((*MEMBERS, "change.id")))
        | st.builds(Counted, st.sampled_from(Counter), st.integers(-5, 5))
    )
    return st.dictionaries(st.sampled_from((*MEMBERS, "change.id")), values, max_size=3)


@cache
def triggers() -> st.SearchStrategy[Trigger]:
    """Triggers by event and by schedule."""
    action = st.sampled_from(("", *ACTIONS))
    return st.builds(
        Trigger,
        kind=st.just(TriggerKind.EVENT),
        pattern=patterns(),
        source=maybe_sources(),
        when=maybe_conditions(),
        action=action,
    ) | st.builds(
        Trigger,
        kind=st.just(TriggerKind.SCHEDULE),
        cron=st.sampled_from(("0 3 * * *", "*/5 1-3,7 1 1 0")),
        timezone=st.sampled_from(("UTC", "Europe/Berlin")),
        action=action,
    )


@cache
def boundaries() -> st.SearchStrategy[Boundary]:
    """Boundaries of every kind."""
    return st.builds(
        Boundary,
        deny=st.sampled_from(CAPABILITIES),
        on=st.sampled_from(RESOURCES),
        except_=some(CAPABILITIES),
        unless_approved=st.booleans(),
        reason=maybe_texts(),
        delegate=st.sampled_from(("", *BOTS)),
    )


@cache
def grants() -> st.SearchStrategy[Grants]:
    """What a sandbox may allow."""
    paths = st.lists(texts(), max_size=2, unique=True).map(tuple)
    return st.builds(
        Grants,
        read=paths,
        write=paths,
        exec=paths,
        network=some(("example.org:443", "{registry}")),
        secrets=some(("token", "key")),
        memory=st.integers(1, 2**40),
        processes=st.integers(1, 4096),
        cpu=st.integers(1, 86_400),
        output=st.integers(1, 2**40),
        disk=st.integers(1, 2**40),
        trace_denials=st.booleans(),
    )


@cache
def _maybe_grants() -> st.SearchStrategy[Grants]:
    return st.just(Grants()) | grants()


@cache
def _arguments() -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(texts(), min_size=1, max_size=3).map(tuple)


@cache
@st.composite
def actions(draw: st.DrawFn, name: str) -> Action:
    """An action called `name`."""
    entry_point = draw(st.booleans())
    return Action(
        name=name,
        capability=draw(st.sampled_from(("", *CAPABILITIES))),
        on=draw(st.sampled_from(RESOURCES)),
        command=draw(some(ACTIONS, 1, least=1) if entry_point else _arguments()),
        entry_point=entry_point,
        emits=tuple(
            Emission(type=event, set=draw(set_values())) for event in draw(some(EVENTS, 2))
        ),
        consumes=draw(some(ARTIFACTS)),
        produces=draw(some(ARTIFACTS)),
        grants=draw(_maybe_grants()),
    )


@cache
def constraints() -> st.SearchStrategy[Constraints]:
    """Limits, retries, breakers."""
    retry = st.builds(
        RetryPolicy,
        max_attempts=st.integers(1, 100),
        backoff=st.sampled_from(Backoff),
        initial=durations(),
        max=durations(),
    )
    breaker = st.builds(
        BreakerPolicy,
        failures=st.integers(1, 100),
        window=durations(1),
        cooldown=durations(1),
    )
    return st.builds(
        Constraints,
        max_concurrent_jobs=st.integers(1, 100),
        max_queued_jobs=st.integers(1, 1000),
        timeout=durations(1),
        retry_policy=retry,
        breaker=breaker,
    )


@cache
def _maybe_constraints() -> st.SearchStrategy[Constraints]:
    return st.just(Constraints()) | constraints()


@cache
def _scopes() -> st.SearchStrategy[list[Claim]]:
    claims = st.builds(
        Claim, capability=st.sampled_from(CAPABILITIES), on=st.sampled_from(RESOURCES)
    )
    return st.lists(claims, max_size=3, unique_by=lambda claim: (claim.capability, claim.on))


@cache
def _outputs() -> st.SearchStrategy[Output]:
    return st.builds(Output, destination=nodes(), event=st.sampled_from(("", *EVENTS)))


@cache
def _one_or_two(one: st.SearchStrategy[T]) -> st.SearchStrategy[list[T]]:
    return st.lists(one, min_size=1, max_size=2)


@cache
def _at_most_two(one: st.SearchStrategy[T]) -> st.SearchStrategy[list[T]]:
    return st.lists(one, max_size=2)


@cache
@st.composite
def bots(draw: st.DrawFn, name: str = "") -> Bot:
    """A bot, called `name` if given."""
    return Bot(
        name=name or draw(st.sampled_from(BOTS)),
        version=draw(st.sampled_from(("", "1.0.0", "1.10"))),
        enabled=draw(st.booleans()),
        category=draw(st.sampled_from(("", *SLUGS))),
        phase=draw(st.sampled_from(("", *SLUGS))),
        essential=draw(st.booleans()),
        responsibility=draw(maybe_texts()),
        scope=tuple(draw(_scopes())),
        boundaries=tuple(draw(_at_most_two(boundaries()))),
        may_cause=draw(some(CAPABILITIES)),
        triggers=tuple(draw(_at_most_two(triggers()))),
        actions=tuple(draw(actions(each)) for each in draw(some(ACTIONS, 2))),
        constraints=draw(_maybe_constraints()),
        dependencies=draw(some(BOTS)),
        outputs=tuple(draw(_at_most_two(_outputs()))),
    )


@cache
def event_types(name: str = "") -> st.SearchStrategy[EventType]:
    """An entry of the catalogue, called `name` if given."""
    return st.builds(
        EventType,
        name=st.just(name) if name else st.sampled_from(EVENTS),
        doc=maybe_texts(),
        emitters=some((*BOTS, "cli.*", "gate.release")),
        external=st.booleans(),
        terminal=st.booleans(),
        approval=st.booleans(),
        payload=object_types(),
    )


@cache
def _gate_values(named: tuple[str, ...]) -> st.SearchStrategy[dict[str, SetValue]]:
    copied = st.builds(Copied, st.sampled_from(MEMBERS), st.sampled_from(named or ("none",)))
    values = texts() | st.booleans() | st.integers(-9, 9)
    keys = st.sampled_from(MEMBERS)
    return st.dictionaries(keys, copied | values if named else values, max_size=2)


@cache
@st.composite
def gates(draw: st.DrawFn, name: str = "") -> Gate:
    """A gate of any kind, called `name` if given."""
    kind = draw(st.sampled_from(GateKind))
    count = draw(st.integers(1, 3)) if kind in (GateKind.ALL, GateKind.ANY) else 1
    labels = ("", "first", "second", "third", "last")
    parts = [draw(_parts(draw(st.sampled_from(("", labels[n + 1]))))) for n in range(count)]
    after = draw(_parts("last")) if kind is GateKind.ABSENT else None
    named = [part.name for part in [*parts, after] if part and part.name]
    return Gate(
        name=name or draw(st.sampled_from(GATES)),
        doc=draw(maybe_texts()),
        kind=kind,
        parts=tuple(parts),
        after=after,
        times=draw(st.integers(1, 9)) if kind is GateKind.COUNT else 1,
        join_on=draw(some(("payload.ref", "payload.change.id"), 2, least=1)),
        within=draw(durations(1)),
        max_pending=draw(st.integers(1, 10_000)),
        emit=draw(st.sampled_from(EVENTS)),
        set=draw(_gate_values(tuple(named))),
    )


@cache
def _parts(name: str) -> st.SearchStrategy[GatePart]:
    return st.builds(
        GatePart,
        pattern=patterns(),
        source=maybe_sources(),
        when=maybe_conditions(),
        name=st.just(name),
    )


@cache
def _targets() -> st.SearchStrategy[Target]:
    return st.builds(Target, event=st.sampled_from(EVENTS), when=maybe_conditions())


@cache
def _powers() -> st.SearchStrategy[Target]:
    names, resources = st.sampled_from(CAPABILITIES), st.sampled_from(RESOURCES)
    return st.builds(Target, capability=names, on=resources)


@cache
def _who() -> st.SearchStrategy[Origin]:
    named = st.builds(Origin, source=sources() | st.just("*"))
    return named | st.builds(Origin, category=st.sampled_from(SLUGS))


@cache
def _passages() -> st.SearchStrategy[tuple[Passage, ...]]:
    one = st.builds(
        Passage,
        event=st.sampled_from(EVENTS),
        when=maybe_conditions(),
        same=some(("payload.ref", "payload.change.id")),
    )
    return st.lists(one, min_size=1, max_size=2).map(tuple)


@cache
def _firsts() -> st.SearchStrategy[Origin]:
    return st.builds(Origin, event=st.sampled_from(EVENTS), when=maybe_conditions()) | _who()


@cache
def _globs() -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(texts(), min_size=1, max_size=2, unique=True).map(tuple)


@cache
def _maybe_globs() -> st.SearchStrategy[tuple[str, ...]]:
    return _globs() | st.just(())


@cache
def _targets_or_powers() -> st.SearchStrategy[Target]:
    return _targets() | _powers()


@cache
@st.composite
def invariants(draw: st.DrawFn, name: str) -> Invariant:
    """An invariant of any kind, called `name`."""
    kind = draw(st.sampled_from(InvariantKind))
    said: dict[str, Any] = {}
    if kind is InvariantKind.PATH:
        said = {"passes": draw(_passages()), "one_of": draw(st.booleans())}
    if kind is InvariantKind.SEPARATE:
        said = {"origins": (draw(_firsts()),), "unless_approved": draw(st.booleans())}
    if kind in (InvariantKind.ONLY, InvariantKind.NEVER):
        said = {"origins": tuple(draw(_one_or_two(_who())))}
    if kind is InvariantKind.GRANTS:
        said = {"holding": Holding(read=draw(_globs()), network=draw(_maybe_globs()))}
    else:
        said["target"] = draw(_targets_or_powers())
    return Invariant(name=name, doc=draw(texts()), kind=kind, **said)


@cache
def settings() -> st.SearchStrategy[Settings]:
    """What `rules/fleet.yaml` may say."""
    phases = st.lists(
        st.builds(Phase, name=st.sampled_from(SLUGS), doc=maybe_texts()),
        max_size=3,
        unique_by=lambda phase: phase.name,
    )
    return st.builds(
        Settings,
        name=st.sampled_from(("fleet", "lotabots")),
        version=st.sampled_from(("", "1.10")),
        categories=st.dictionaries(st.sampled_from(SLUGS), texts(), max_size=3),
        phases=phases.map(tuple),
        rollout=st.sampled_from(("", *SLUGS)),
        max_hops=st.integers(1, 100),
        max_age=durations(1),
        correlator=st.sampled_from(CorrelatorKind),
    )


@cache
def _edges() -> st.SearchStrategy[list[Edge]]:
    edges = st.builds(Edge, source=nodes(), target=nodes(), via=some(EVENTS))
    return st.lists(edges, max_size=4, unique_by=lambda edge: (edge.source, edge.target))


@cache
@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """A whole fleet with at least one bot; names need not refer to anything."""
    capabilities = {
        name: Capability(name=name, doc=draw(maybe_texts()), implies=draw(some(CAPABILITIES)))
        for name in draw(some(CAPABILITIES, 6))
    }
    artifacts = {
        name: ArtifactKind(name=name, doc=draw(maybe_texts()), external=draw(st.booleans()))
        for name in draw(some(ARTIFACTS))
    }
    events = {name: draw(event_types(name)) for name in draw(some(EVENTS))}
    return Fleet(
        settings=draw(settings()),
        capabilities=CapabilityTree(capabilities),
        events={**events, **BUILT_IN},
        artifacts=artifacts,
        bots=tuple(draw(bots(name)) for name in sorted(draw(some(BOTS, least=1)))),
        gates=tuple(draw(gates(name)) for name in sorted(draw(some(GATES)))),
        edges=tuple(sorted(draw(_edges()), key=lambda edge: (edge.source, edge.target))),
        invariants=tuple(draw(invariants(name)) for name in sorted(draw(some(SLUGS)))),
    )


def dump(files: Mapping[str, Any]) -> dict[str, bytes]:
    """Plain data by path as files. JSON is YAML, as long as characters are not escaped."""
    return {path: json.dumps(data, ensure_ascii=False).encode() for path, data in files.items()}
