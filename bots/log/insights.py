"""What is new or suddenly frequent in the logs of the last hour.

A kind of line (a template) is new in the hour of its first line. It is suddenly frequent if so many
lines in one hour, of all its lines in that hour and the hours before, would come about by chance
less than once in a thousand runs, whatever its usual rate is: given their sum, the share of one of
n + 1 hours with the same rate is binomial with 1 / (n + 1) (Przyborowski and Wilenski, "Homogeneity
of results in testing samples from Poisson series", Biometrika 31, 1940). The probability is bounded
from above (Chernoff; Hoeffding, "Probability inequalities for sums of bounded random variables",
Journal of the American Statistical Association 58, 1963), and divided among all templates.

Lines do not come one by one by chance alone: a day has its busy hours. So the hour must also have
more than twice the lines of the busiest hour before.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, NamedTuple

from failure import NothingError
from store import reading
from task import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from task import Task
    from templates import Template

LAG_S = 300
"""After the end of an hour lines may still be on their way to the index."""

BEFORE = 7 * 24
WARM = 24
"""Hours for which a service must have been known: before, everything is new."""

ALPHA = 0.001
LEAST = 10
"""Lines of an hour that are frequent; also for a new template that is no warning."""

TIMES = 2
WARNING = 3
MAX_INSIGHTS = 20
SEVERITIES = ("low", "low", "low", "medium", "high", "critical")
"""By rank of the level."""

MAX_TEXT = 4_000


class Insight(NamedTuple):
    """A finding; `usual` is the mean of the hours before."""

    template: Template
    lines: int
    usual: float


def find_insights(task: Task) -> Iterator[Line]:
    """Look at the last hour that is over."""
    now = int(task.at.timestamp())
    hour = (now - LAG_S) // 3600 - 1
    with reading(task.state) as store:
        if store.indexed_at() < (hour + 1) * 3600:
            raise NothingError("the hour that is over was not indexed yet")
        templates = store.templates()
        counts: dict[int, dict[int, int]] = {}
        for template, when, lines in store.counts():
            counts.setdefault(template, {})[when] = lines
    for one in find(templates, counts, hour)[:MAX_INSIGHTS]:
        yield Line("log.insight", _payload(one))


def _payload(one: Insight) -> dict[str, object]:
    return {
        "service": one.template.group.service,
        "environment": one.template.group.environment,
        "template": " ".join(one.template.words)[:MAX_TEXT],
        "occurrences": one.lines,
        "baseline": round(one.usual, 3),
        "severity": SEVERITIES[one.template.group.level],
        "fingerprint": one.template.fingerprint,
    }


def find(
    templates: Iterable[Template], counts: Mapping[int, Mapping[int, int]], hour: int
) -> list[Insight]:
    """What is new or frequent in `hour` (since 1970), the most serious first."""
    known = list(templates)
    since: dict[tuple[str, str], int] = {}
    for one in known:
        since[one.group[:2]] = min(one.first, since.get(one.group[:2], one.first))
    tested = [one for one in known if counts.get(one.id, {}).get(hour)]
    found: list[Insight] = []
    for one in tested:
        hours = min(BEFORE, hour - since[one.group[:2]])
        insight = judge(one, counts[one.id], hour, hours=hours, tested=len(tested))
        if insight is not None:
            found.append(insight)
    return sorted(found, key=lambda one: (-one.template.group.level, -one.lines, one.template.id))


def judge(
    template: Template, counts: Mapping[int, int], hour: int, *, hours: int, tested: int
) -> Insight | None:
    """Whether a template is new or frequent; `hours` is how many there are to compare with."""
    lines = counts[hour]
    if hours < WARM:
        return None
    if template.first == hour:
        serious = template.group.level >= WARNING
        return Insight(template, lines, 0.0) if serious or lines >= LEAST else None
    before = [count for when, count in counts.items() if hour - hours <= when < hour]
    usual = sum(before)
    frequent = lines >= LEAST and lines > TIMES * max(before, default=0)
    if frequent and surprise(lines, usual, hours) > log(tested / ALPHA):
        return Insight(template, lines, usual / hours)
    return None


def surprise(lines: int, before: int, hours: int) -> float:
    """At least as much is minus the logarithm of the probability of so many lines or more."""
    total, chance = lines + before, 1 / (hours + 1)
    share = lines / total if total else 0.0
    if share <= chance:
        return 0.0
    missing = (1 - share) * log((1 - share) / (1 - chance)) if share < 1 else 0.0
    return total * (share * log(share / chance) + missing)
