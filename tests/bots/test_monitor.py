"""MonitorBot under its own rules, in the real sandbox, before a door as documented."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from bots.monitoring import RELEASE, Post, a_post, external, said, target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from executor.workshop import Workshop


@pytest.fixture
def post(workshop: Workshop) -> Iterator[Post]:
    with a_post(workshop) as made:
        yield made


def test_a_probe_reports_the_health_of_all_targets(post: Post):
    post.host.targets.append(external("docs", service="docs"))
    ran = post.run("probe")
    assert said(ran) == ["health.reported"]
    payload = ran.payload("health.reported")
    assert (payload["outcome"], payload["checked"]) == ("success", 2)
    assert sorted(post.host.asked) == ["/probe/docs", "/probe/shop.production", "/targets"]
    report = json.loads(post.report(ran, "health-report"))
    assert (report["at"], report["alerts"]) == ("2026-01-02T03:04:05+00:00", [])
    assert report["targets"][0] == {
        "name": "shop.production",
        "service": "shop",
        "environment": "production",
        "release": RELEASE,
        "instances": 2,
        "state": "passing",
        "status": 200,
        "ms": 1.5,
    }
    assert b"2 of 2 targets are well" in post.report(ran, "dashboard")


def test_a_target_that_fails_twice_is_an_alert_once_until_it_passes(post: Post):
    post.host.health["shop.production"] = (500, "no database")
    first, second, third = (post.run("probe") for _ in range(3))
    assert said(first) == said(third) == ["health.reported"]
    assert said(second) == ["health.reported", "alert.triggered"]
    assert first.payload("health.reported")["outcome"] == "failure"
    alert = second.payload("alert.triggered")
    assert alert == {
        "alert_id": alert["alert_id"],
        "service": "shop",
        "environment": "production",
        "rule": "health-check",
        "metric": "health_status",
        "value": 500,
        "severity": "critical",
        "state": "firing",
        "fingerprint": alert["fingerprint"],
    }
    assert json.loads(post.report(third, "health-report"))["alerts"][0]["rule"] == "health-check"
    post.host.health.clear()
    after, later = post.run("probe"), post.run("probe")
    assert said(after) == ["health.reported", "alert.resolved"]
    assert said(later) == ["health.reported"]
    over = after.payload("alert.resolved")
    assert over == {**alert, "value": 200, "state": "resolved"}
    assert post.state() == {"open": {}, "failures": {}}


def test_the_same_problem_has_the_same_fingerprint_and_another_id(post: Post):
    alerts = []
    for _ in range(2):
        post.host.health["shop.production"] = (0, "no answer")
        post.run("probe")
        alerts.append(post.run("probe").payload("alert.triggered"))
        post.host.health.clear()
        post.run("probe")
    assert alerts[0]["fingerprint"] == alerts[1]["fingerprint"]
    assert alerts[0]["alert_id"] != alerts[1]["alert_id"]


def test_an_attempt_that_is_repeated_says_the_same_again(post: Post):
    post.host.health["shop.production"] = (500, "")
    post.run("probe")
    once, again = post.run("probe", key="j"), post.run("probe", key="j")
    assert once.payload("alert.triggered") == again.payload("alert.triggered")
    post.host.health.clear()
    once, again = post.run("probe", key="k"), post.run("probe", key="k")
    assert once.payload("alert.resolved") == again.payload("alert.resolved")


def test_a_failure_between_passes_is_no_alert(post: Post):
    for status in (500, 200, 500, 200):
        post.host.health["shop.production"] = (status, "")
        assert said(post.run("probe")) == ["health.reported"]


def test_a_service_with_two_targets_is_well_when_both_are(post: Post):
    post.host.targets.append(external("shop-api"))
    post.host.health["shop-api"] = (503, "")
    post.run("probe")
    assert "alert.triggered" in said(post.run("probe"))
    assert said(post.run("probe")) == ["health.reported"]
    post.host.health.clear()
    assert "alert.resolved" in said(post.run("probe"))


def test_a_target_beside_a_service_without_a_release_counts(post: Post):
    post.host.targets[:] = [target(release=None, instances=0), external("shop-api")]
    post.host.health = {"shop-api": (503, ""), "shop.production": (503, "")}
    post.run("probe")
    assert "alert.triggered" in said(post.run("probe"))
    del post.host.health["shop-api"]
    over = post.run("probe").payload("alert.resolved")
    assert over["value"] == 200


def test_a_target_that_cannot_be_asked_is_an_error_and_no_alert(post: Post):
    post.host.targets.append(external("docs", service="docs"))
    post.host.raw["/probe/docs"] = b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n"
    for _ in range(3):
        ran = post.run("probe")
        assert said(ran) == ["health.reported"]
        payload = ran.payload("health.reported")
        assert (payload["outcome"], payload["checked"]) == ("error", 1)


def test_nothing_to_look_at_is_not_well(post: Post):
    post.host.targets.clear()
    for action in ("probe", "sample"):
        ran = post.run(action)
        assert said(ran, status=1) == []
        assert "configure `services` or `targets`" in ran.log


HOSTILE = {
    "markup": "</td><script>alert(1)</script><img src=x onerror=y>",
    "attribute": '" onmouseover="alert(1)',
    "quote": "'><svg/onload=alert(1)>",
    "entity": "&lt;b&gt; &amp;#60;",
    "style": "</style><style>*{display:none}",
    "comment": "--><!-- ]]>",
    "template": "{at} {0} %s {title.__class__}",
    "direction": "\u202egpj.exe \u2066x\u2069",
    "control": "a\x00b\x1b[2J\r\nc",
    "half": "\ud800",
    "path": "../../metrics?x#y",
}


class Page(HTMLParser):
    """The elements and texts of a page, as a browser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_and_bodies_are_text_on_the_page(post: Post, name: str):
    plain = post.run("probe")
    post.host.health["plain"] = (500, "plain")
    post.host.targets[:] = [target("plain")]
    usual = Page(post.report(post.run("probe"), "dashboard").decode())
    text = HOSTILE[name]
    named = text.encode("utf-8", "replace").decode()
    post.host.targets[:] = [target(named, service=named)]
    post.host.health[named] = (500, text)
    ran = post.run("probe")
    assert said(plain)[0] == said(ran)[0] == "health.reported"
    raw = post.report(ran, "dashboard").decode()
    page = Page(raw)
    assert page.elements == usual.elements
    assert not {"script", "img", "link", "a"} & {tag for tag, _ in page.elements}
    assert "\x00" not in raw
    assert "\u202e" not in raw
    json.loads(post.report(ran, "health-report"))


def test_a_sample_is_how_much_of_its_capacity_a_service_uses(post: Post):
    post.host.targets.append(external("docs", service="docs"))
    ran = post.run("sample")
    assert said(ran) == ["metrics.sampled"]
    payload = ran.payload("metrics.sampled")
    used = payload.pop("utilization")
    assert payload == {"service": "shop", "environment": "production", "instances": 2}
    # 50 requests in at least 2 s, by 2 instances of 50 each.
    assert 0 < used <= 0.25


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1_000_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n[]",
        b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}',
        b'HTTP/1.1 200 OK\r\n\r\n[{"name": "a"}]',
        b'HTTP/1.1 200 OK\r\n\r\n[{"name": 5, "service": [], "environment": {}}]',
        b'HTTP/1.1 200 OK\r\n\r\n[{"name":"a","service":"b","environment":"c","watch_s":NaN}]',
        b'HTTP/1.1 200 OK\r\n\r\n[{"name":"a","service":"b","environment":"c","watch_s":1e999}]',
        b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n[]",
    ],
)
def test_an_answer_that_is_none_ends_the_attempt(post: Post, answer: bytes):
    post.host.raw["/targets"] = answer
    ran = post.run("probe")
    assert said(ran, status=75) == []
    assert len(ran.log) < 5_000
    assert "Traceback" not in ran.log


def test_a_target_that_answers_for_ever_does_not_answer(post: Post):
    post.host.dripping = "/probe/shop.production"
    ran = post.run("probe")
    assert ran.payload("health.reported")["outcome"] == "failure"
    (row,) = json.loads(post.report(ran, "health-report"))["targets"]
    assert (row["status"], "no answer within 12 s" in row["said"]) == (0, True)


@pytest.mark.parametrize(
    "line",
    [
        "lotabots_front_requests_total 5",
        'lotabots_front_requests_total{service="a",environment="b",release="c"} NaN',
        'lotabots_front_requests_total{service="a",environment="b",release="c"} +Inf',
        'lotabots_front_requests_total{service="a",environment="b",release="c"} -1',
        'lotabots_front_requests_total{service="a",environment="b",release="c"} 1.5',
        'lotabots_front_requests_total{service="a",environment="b"} 1',
        'lotabots_front_requests_total{service="a,environment="b",release="c"} 1',
        "\udcff\udcfe",
    ],
)
def test_metrics_that_cannot_be_are_refused(post: Post, line: str):
    body = f"{line}\n".encode("utf-8", "surrogateescape")
    post.host.raw["/metrics"] = b"HTTP/1.1 200 OK\r\n\r\n" + body
    ran = post.run("sample")
    assert said(ran, status=75) == []
    assert "`/metrics` cannot be read" in ran.log


MEASURED = {
    "database": "shop",
    "environment": "staging",
    "deadlocks": 0,
    "longest_transaction_s": 1.5,
    "wraparound_age": 5,
}


@pytest.mark.parametrize(
    ("metric", "value", "rule", "severity", "limit"),
    [
        ("deadlocks", 3, "database-deadlocks", "high", 0),
        ("longest_transaction_s", 601.5, "database-long-transaction", "medium", 600),
        ("wraparound_age", 1_500_000_000, "database-wraparound", "critical", 1_000_000_000),
    ],
)
def test_a_database_in_trouble_is_an_alert(
    post: Post, metric: str, value: float, rule: str, severity: str, limit: int
):
    measured = {**MEASURED, metric: value}
    ran = post.run("assess", measured, event="database.measured")
    assert said(ran) == ["alert.triggered"]
    alert = ran.payload("alert.triggered")
    seen = {name: alert[name] for name in ("rule", "metric", "value", "baseline", "severity")}
    assert list(seen.values()) == [rule, metric, value, limit, severity]
    assert (alert["service"], alert["environment"], alert["state"]) == ("shop", "staging", "firing")
    assert said(post.run("assess", measured, event="database.measured")) == []


def test_an_insight_of_the_logs_is_an_alert_for_each_template(post: Post):
    insight = {
        "service": "shop",
        "environment": "production",
        "template": "could not reach <*>",
        "occurrences": 80,
        "baseline": 1.5,
        "severity": "high",
        "fingerprint": "f1",
    }
    first = post.run("assess", insight, event="log.insight").payload("alert.triggered")
    assert (first["rule"], first["value"], first["baseline"]) == ("log-insight", 80, 1.5)
    assert said(post.run("assess", insight, event="log.insight")) == []
    other = post.run("assess", {**insight, "fingerprint": "f2"}, event="log.insight")
    assert other.payload("alert.triggered")["fingerprint"] != first["fingerprint"]


def test_notes_that_are_damaged_are_begun_anew(post: Post):
    state = post.workshop.folder / "state/MonitorBot"
    post.run("probe")
    for text in ("", "[]", '{"open": {"a": [1]}, "failures": 5}', "{" * 10_000, "\x00"):
        (state / "alerts.json").write_text(text)
        assert said(post.run("probe")) == ["health.reported"]
        assert post.state() == {"open": {}, "failures": {}}


def test_what_nobody_resolves_is_said_again_after_an_hour(post: Post):
    measured = {**MEASURED, "deadlocks": 1}
    first = post.run("assess", measured, event="database.measured").payload("alert.triggered")
    path = post.workshop.folder / "state/MonitorBot/alerts.json"
    path.write_text(path.read_text().replace("2026-01-02T03:04:05", "2026-01-02T02:04:04"))
    again = post.run("assess", measured, event="database.measured").payload("alert.triggered")
    assert again["fingerprint"] == first["fingerprint"]
    assert again["alert_id"] != first["alert_id"]
