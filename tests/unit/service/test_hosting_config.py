"""What `services` and `targets` of lotabots.yaml may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lotabots.model.load import load
from lotabots.policy.hosting import Hosted, Target
from lotabots.service.config import ServiceConfig, read_config
from lotabots.service.granted import hosting_places
from lotabots.service.hosting_config import unknown_environments

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = """
events:
  deploy.asked:
    doc: a deployment
    external: true
    emitters: [cli.*]
    payload: {ENVIRONMENT, many: {list: {fields: {environment: {enum: [live]}}}}}
"""


def said(root: Path, text: str) -> tuple[ServiceConfig, list[tuple[str, str]]]:
    (root / "lotabots.yaml").write_text(text, encoding="utf-8")
    config, findings = read_config(root)
    return config, [(one.message, one.help) for one in findings]


def problems(environment: str, config: ServiceConfig) -> list[str]:
    text = EVENTS.replace("ENVIRONMENT", f"environment: {environment}")
    fleet = load({"rules/events.yaml": text.encode()}).fleet
    return list(unknown_environments(config.services, config.targets, fleet.events))


def test_everything_that_can_be_said_is_read(tmp_path: Path):
    config, findings = said(
        tmp_path,
        """
services:
  shop:
    run: shop-serve
    health: /healthz
    memory: 128MiB
    processes: 8
    connections: 6
    environments:
      production:
        listen: "[::1]:8102"
        env: {SHOP_CURRENCY: EUR}
        instances: {min: 2, max: 4}
        capacity: 50
        watch: 60
        objectives: {latency_ms: 300, error_ratio: 0.01}
      staging: {listen: "127.0.0.1:8101"}
targets:
  docs: {url: "http://127.0.0.1:9000", health: /up, service: pages, environment: production}
  plain: {url: "http://localhost:9001"}
""",
    )
    assert findings == []
    assert config.services == (
        Hosted(
            service="shop",
            environment="production",
            run="shop-serve",
            listen="[::1]:8102",
            health="/healthz",
            env={"SHOP_CURRENCY": "EUR"},
            memory_mb=128,
            processes=8,
            connections=6,
            least=2,
            most=4,
            capacity=50,
            watch=60,
            latency_ms=300,
            error_ratio=0.01,
        ),
        Hosted(
            service="shop",
            environment="staging",
            run="shop-serve",
            listen="127.0.0.1:8101",
            health="/healthz",
            memory_mb=128,
            processes=8,
            connections=6,
        ),
    )
    assert config.services[0].address == ("::1", 8102)
    assert config.targets == (
        Target(
            name="docs",
            url="http://127.0.0.1:9000",
            health="/up",
            service="pages",
            environment="production",
        ),
        Target(name="plain", url="http://localhost:9001", service="plain"),
    )


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        (
            "{listen: 8101}",
            (
                "expected an address to listen on, found `8101`",
                "write host and port, like `127.0.0.1:8101`",
            ),
        ),
        (
            '{listen: "a:65536"}',
            (
                "expected an address to listen on, found the text `a:65536`",
                "write host and port, like `127.0.0.1:8101`",
            ),
        ),
        (
            "{env: {A: b}}",
            (
                "missing key `listen` in an environment of a service",
                "add `listen`: host and port of its front",
            ),
        ),
        (
            '{listen: "a:1", env: {PORT: "80"}}',
            (
                "expected the name of a variable, found `PORT`",
                "use letters, digits and `_`; `PORT` is given by the host",
            ),
        ),
        (
            '{listen: "a:1", instances: {min: 3, max: 2}}',
            (
                "`shop.live`: at least 3 instances, but at most 2",
                "exchange `min` and `max`",
            ),
        ),
        (
            '{listen: "a:1", port: 2}',
            ("unknown key `port` in an environment of a service", "remove it"),
        ),
    ],
)
def test_what_cannot_be_is_a_finding(tmp_path: Path, environment: str, found: tuple[str, str]):
    text = f"services: {{shop: {{run: shop, environments: {{live: {environment}}}}}}}"
    assert found in said(tmp_path, text)[1]


@pytest.mark.parametrize("run", ["shop --port={port} shop:app", "shop", "shop a"])
def test_a_service_may_have_arguments(tmp_path: Path, run: str):
    text = f"services: {{shop: {{run: '{run}', environments: {{live: {{listen: 'a:1'}}}}}}}}"
    config, findings = said(tmp_path, text)
    assert findings == []
    assert [one.run for one in config.services] == [run]


@pytest.mark.parametrize("run", ["shop  a", " shop", "shop ", "--port=1", "shop a\tb", "sh/op"])
def test_words_are_separated_by_one_space(tmp_path: Path, run: str):
    text = f'services: {{shop: {{run: "{run}", environments: {{live: {{listen: "a:1"}}}}}}}}'
    (finding,) = said(tmp_path, text)[1]
    assert finding[0].startswith("expected the name of a console script")


@pytest.mark.parametrize(
    ("said_of_it", "processes", "connections"),
    [
        ("", 64, 32),
        ("processes: 16", 16, 8),
        ("processes: 4096", 4096, 120),
        ("processes: 1", 1, 1),
        ("connections: 63", 64, 63),
        ("{processes: 2, connections: 1}", 2, 1),
    ],
)
def test_an_instance_may_have_twice_as_many_threads_as_connections(
    tmp_path: Path, said_of_it: str, processes: int, connections: int
):
    config, findings = said(tmp_path, service(said_of_it))
    assert findings == []
    (one,) = config.services
    assert (one.processes, one.connections) == (processes, connections)


@pytest.mark.parametrize(
    ("said_of_it", "connections", "processes"),
    [
        ("connections: 64", 64, 64),
        ("{processes: 8, connections: 8}", 8, 8),
        ("{processes: 1, connections: 2}", 2, 1),
    ],
)
def test_a_thread_for_each_connection_must_be_allowed(
    tmp_path: Path, said_of_it: str, connections: int, processes: int
):
    allowed = f"which may have {processes} processes and threads"
    message = f"`shop.live`: {connections} connections to an instance, {allowed}"
    cure = "give it more `processes` than `connections`: it may take a thread for each"
    assert said(tmp_path, service(said_of_it))[1] == [(message, cure)]


def service(said_of_it: str) -> str:
    more = said_of_it.strip("{}")
    keys = "run: shop, environments: {live: {listen: '127.0.0.1:8101'}}"
    return f"services: {{shop: {{{keys}{', ' if more else ''}{more}}}}}"


def test_two_services_do_not_listen_on_one_address(tmp_path: Path):
    places = '{a: {listen: "h:1"}, b: {listen: "h:1"}}'
    _, findings = said(tmp_path, f"services: {{shop: {{run: shop, environments: {places}}}}}")
    assert findings == [
        ("`shop.b` listens on `h:1`, where `shop.a` does", "give each a port of its own")
    ]


@pytest.mark.parametrize(("service", "environment"), [("incoming", "live"), ("shop", "lock")])
def test_no_service_lies_where_jobs_write(tmp_path: Path, service: str, environment: str):
    place = f"{{{environment}: {{listen: 127.0.0.1:8101}}}}"
    _, findings = said(tmp_path, f"services: {{{service}: {{run: shop, environments: {place}}}}}\n")
    assert findings == [
        (
            f"`{service}.{environment}`: the host itself uses this name in its folder",
            "no service is called `incoming`, no environment `lock`",
        )
    ]


def test_a_target_has_an_address_without_a_path(tmp_path: Path):
    _, findings = said(tmp_path, "targets: {docs: {url: 'http://h:1/up'}}")
    assert findings == [
        (
            "expected an http address, found the text `http://h:1/up`",
            "write `http://host:port`; the path stands under `health`",
        )
    ]


def test_an_environment_is_one_that_events_name_where_they_list_them(tmp_path: Path):
    places = '{staging: {listen: "h:1"}, production: {listen: "h:2"}}'
    config, _ = said(
        tmp_path,
        f"services: {{shop: {{run: shop, environments: {places}}}}}\n"
        "targets: {docs: {url: 'http://h:3', environment: lve}, free: {url: 'http://h:4'}}",
    )
    assert problems("{enum: [staging, production]}", config) == [
        "target `docs`: environment `lve` is in no event; did you mean `live`?"
    ]
    assert problems("{enum: [staging]}", config)[0] == (
        "service `shop`: environment `production` is in no event; "
        "the fleet knows `live` or `staging`"
    )
    assert problems("string", config) == []


def test_hosting_makes_places_for_the_trees_of_new_releases_and_for_logs(tmp_path: Path):
    places = '{staging: {listen: "h:1"}, production: {listen: "h:2"}}'
    services = "{run: s, environments: PLACES}".replace("PLACES", places)
    more = services.replace("h:", "i:")
    config, _ = said(tmp_path, f"services: {{shop: {services}, blog: {more}}}")
    assert hosting_places(config) == {
        "releases:staging": tmp_path / ".lotabots/hosting/staging/incoming",
        "releases:production": tmp_path / ".lotabots/hosting/production/incoming",
        "logs": tmp_path / ".lotabots/logs",
    }
    assert all(place.is_dir() for place in hosting_places(config).values())


def test_where_nothing_is_hosted_there_are_no_logs_to_read(tmp_path: Path):
    config, _ = said(tmp_path, "targets: {docs: {url: 'http://h:3'}}")
    assert hosting_places(config) == {}


@pytest.mark.parametrize("ratio", ["-0.1", "1.5", "30"])
def test_an_error_ratio_is_a_share(tmp_path: Path, ratio: str):
    place = "{listen: 'h:1', objectives: {error_ratio: RATIO}}".replace("RATIO", ratio)
    _, findings = said(
        tmp_path, f"services: {{shop: {{run: shop, environments: {{staging: {place}}}}}}}"
    )
    cure = "write a share from 0 to 1"
    assert findings == [(f"`shop.staging`: `error_ratio` is {ratio}", cure)]
