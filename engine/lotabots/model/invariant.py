"""An invariant: what must hold whatever happens, whoever changes the rules.

Rules say what each bot may do; an invariant says what all of them together must never bring
about. Nothing at run time reads it: it is proved before the fleet may run (`checks`).
"""

from __future__ import annotations

from enum import StrEnum

from lotabots.model.record import Record


class InvariantKind(StrEnum):
    """What an invariant is about. The value is the key by which the file tells the kinds apart."""

    PATH = "every_path_to"
    APPROVED = "approved"
    SEPARATE = "no_path_from"
    ONLY = "only"
    NEVER = "never"
    GRANTS = "no_action"


class Target(Record, kw_only=True):
    """What comes about: the event `event` on which `when` is true, or a capability exercised.

    Exactly one of `event` and `capability` is given. `on` is a glob of resources.
    """

    event: str = ""
    when: str = ""
    capability: str = ""
    on: str = "*"


class Origin(Record, kw_only=True):
    """Who or what begins: an event, a source (a name or a pattern), or the bots of a category."""

    event: str = ""
    when: str = ""
    source: str = ""
    category: str = ""


class Passage(Record, kw_only=True):
    """An event that lies on the way: of type `event`, with `when` true.

    `same` lists payload fields: the event counts only if it carries the very values that the
    target has in these fields.
    """

    event: str
    when: str = ""
    same: tuple[str, ...] = ()


class Holding(Record, kw_only=True):
    """What an action may be granted, as globs; an empty tuple asks nothing.

    An action is meant if it has a grant of each kind that is not empty. `source` and `category`
    narrow it to some bots.
    """

    source: str = ""
    category: str = ""
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


class Invariant(Record, kw_only=True):
    """An entry of ``rules/invariants.yaml``; which attributes matter depends on `kind`.

    - `PATH`: every way to `target` passes each of `passes`, or with `one_of` at least one;
    - `APPROVED`: every way to `target` passes a person's approval;
    - `SEPARATE`: no way leads from `origins[0]` to `target`; with `unless_approved` only those
      without a person's approval count;
    - `ONLY`: nobody but `origins` emits the event, or holds the capability, of `target`;
    - `NEVER`: none of `origins` does;
    - `GRANTS`: no action is granted `holding`.
    """

    name: str
    doc: str
    kind: InvariantKind = InvariantKind.PATH
    target: Target = Target()
    origins: tuple[Origin, ...] = ()
    passes: tuple[Passage, ...] = ()
    one_of: bool = False
    unless_approved: bool = False
    holding: Holding = Holding()
