"""The one registry of codes that are not checks: form errors (LB0xx) and decisions (LRxxx).

Checks (LB1xx and up) declare themselves in ``checks/catalog``; `lotabots.checks.registry` joins
both and refuses a code that is used twice. A code is never given a second meaning. Each code has
one page, ``pages/<code>.md`` beside this module or the docstring of its check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.diagnostics.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Label


class Code(NamedTuple):
    """A code, its short name (reads well after "ignore"), and how bad it is."""

    code: str
    name: str
    severity: Severity

    def at(
        self,
        primary: Label,
        message: str,
        *,
        subject: str = "",
        related: tuple[Label, ...] = (),
        help: str = "",  # noqa: A002 - the field's name in every output format
        notes: tuple[str, ...] = (),
        example: str = "",
    ) -> Diagnostic:
        """A finding with this code."""
        return Diagnostic(
            self.code, self.severity, message, primary, subject, related, help, notes, example
        )


def _error(code: str, name: str) -> Code:
    return Code(code, name, Severity.ERROR)


# Form: what the text of a rule file may be. Emitted by `syntax` and `model`.
SYNTAX: Final = _error("LB001", "yaml-syntax")
DUPLICATE_KEY: Final = _error("LB002", "duplicate-key")
FORBIDDEN_YAML: Final = _error("LB003", "forbidden-yaml-feature")
LIMIT: Final = _error("LB004", "limit-exceeded")
UNKNOWN_KEY: Final = _error("LB005", "unknown-key")
MISSING_KEY: Final = _error("LB006", "missing-key")
INVALID_VALUE: Final = _error("LB007", "invalid-value")
UNEXPECTED_FILE: Final = _error("LB008", "unexpected-file")
DUPLICATE_NAME: Final = _error("LB009", "duplicate-name")
MISSING_FILE: Final = _error("LB010", "missing-file")
EMPTY_FLEET: Final = _error("LB011", "empty-fleet")

# Decisions about the whole event.
MALFORMED: Final = _error("LR001", "malformed-event")
TOO_LARGE: Final = _error("LR002", "event-too-large")
UNKNOWN_TYPE: Final = _error("LR003", "unknown-event-type")
UNKNOWN_SOURCE: Final = _error("LR004", "unknown-source")
SOURCE_NOT_ALLOWED: Final = _error("LR005", "source-not-allowed")
PAYLOAD_INVALID: Final = _error("LR006", "payload-invalid")
UNKNOWN_DESTINATION: Final = _error("LR007", "unknown-destination")
EXPIRED: Final = _error("LR008", "event-expired")
HOP_LIMIT: Final = _error("LR009", "hop-limit")
DUPLICATE: Final = _error("LR010", "duplicate-event")
FROM_THE_FUTURE: Final = _error("LR011", "event-from-the-future")
UNSOUND_RULES: Final = _error("LR012", "rules-with-errors")
"""The rules that would decide have errors of form, or name capabilities that nobody declares."""

# Decisions about one candidate, by rule.
NO_TRIGGER: Final = _error("LR101", "no-trigger")
NO_ROUTE: Final = _error("LR102", "no-route")
NO_EDGE: Final = _error("LR103", "edge-not-in-graph")
OUTSIDE_SCOPE: Final = _error("LR104", "outside-scope")
INSIDE_BOUNDARY: Final = _error("LR105", "inside-boundary")
APPROVAL_MISSING: Final = _error("LR106", "approval-missing")
CONDITION_ERROR: Final = _error("LR107", "condition-error")
UNKNOWN_ACTION: Final = _error("LR108", "unknown-action")

# Decisions about one candidate, by state.
BOT_DISABLED: Final = _error("LR201", "bot-disabled")
NOT_ROLLED_OUT: Final = _error("LR202", "not-rolled-out")
BREAKER_OPEN: Final = _error("LR203", "breaker-open")
OVER_QUOTA: Final = _error("LR204", "over-quota")

# What became of a job.
OUTPUT_MALFORMED: Final = _error("LR401", "output-malformed")
OUTPUT_UNDECLARED: Final = _error("LR402", "output-undeclared")
OUTPUT_INVALID: Final = _error("LR403", "output-invalid")
ARTIFACT_INVALID: Final = _error("LR404", "artifact-invalid")
RUN_FAILED: Final = _error("LR405", "run-failed")
RUN_LIMITED: Final = _error("LR406", "run-limit-exceeded")
SANDBOX_REFUSED: Final = _error("LR407", "sandbox-refused")
NO_EXECUTOR: Final = _error("LR408", "no-executor")
FOREIGN_TOOL: Final = _error("LR409", "foreign-tool")

# Why nothing happened, without fault.
CONDITION_FALSE: Final = Code("LR301", "condition-false", Severity.NOTE)
OTHER_SOURCE: Final = Code("LR302", "other-source", Severity.NOTE)
NOT_ADDRESSED: Final = Code("LR303", "not-addressed", Severity.NOTE)
NO_CANDIDATE: Final = Code("LR304", "no-candidate", Severity.NOTE)
GATE_WAITS: Final = Code("LR305", "gate-waits", Severity.NOTE)
GATE_SATISFIED: Final = Code("LR306", "gate-already-satisfied", Severity.NOTE)
GATE_EXPIRED: Final = Code("LR307", "gate-expired", Severity.NOTE)
GATE_KEY_ABSENT: Final = Code("LR308", "gate-key-absent", Severity.NOTE)

CODES: Final = tuple(value for value in list(globals().values()) if isinstance(value, Code))


def page(code: str) -> str | None:
    """The documentation page of a code of this registry, as Markdown; None if it has none."""
    from importlib.resources import files  # noqa: PLC0415 - 10 ms that only a reader of pages pays

    resource = files(__package__) / "pages" / f"{code}.md"
    return resource.read_text(encoding="utf-8") if resource.is_file() else None
