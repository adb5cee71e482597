"""Grants that cannot be kept are said before anything runs; those of real fleets are let pass."""

from __future__ import annotations

import pytest

from lotabots.checks.examples import FLEET
from lotabots.checks.run import run
from lotabots.model.load import load

PATH = "begin it with `/` or a placeholder like `{out}/`, and leave out `..`"


@pytest.mark.parametrize(
    ("grants", "message", "cure"),
    [
        ("read: ['{ouut}']", "unknown placeholder `{ouut}`", "did you mean `{out}`?"),
        ("read: ['{pyhton}']", "unknown placeholder `{pyhton}`", "did you mean `{python}`?"),
        ("read: ['{artefact}']", "unknown placeholder `{artefact}`", "did you mean `{artifact}`?"),
        ("exec: ['{toolbx}']", "unknown placeholder `{toolbx}`", "did you mean `{toolbox:NAME}`?"),
        ("read: ['{out:x}']", "unknown placeholder `{out:x}`", "did you mean `{out}`?"),
        ("read: ['{toolbox}']", "`{toolbox}` does not say which toolbox", "write `{toolbox:NAME}`"),
        (
            "read: ['{toolbox:../x}']",
            "`{toolbox:../x}` is no placeholder",
            "write `{name}` or `{family:name}`, with letters, digits, `-` and `_`",
        ),
        ("read: ['{out}x']", "path `{out}x` leaves the folder that `{out}` stands for", PATH),
        ("read: [/srv/../etc]", "path `/srv/../etc` leaves its folder", PATH),
        (
            "read: ['/srv/{out}']",
            "a placeholder stands only at the beginning, not as in `/srv/{out}`",
            PATH,
        ),
        (
            "{write: [/srv/a], exec: [/srv/a]}",
            "`/srv/a` is granted for writing and for running",
            "run programs from a place that the bot cannot change",
        ),
        (
            "network: ['example.org:0']",
            "network grant `example.org:0` is not host:port",
            "name one host and one port from 1 to 65535, like `mirror.example.org:443`",
        ),
        *(
            (
                f"network: ['{text}']",
                f"network grant `{text}` is not `{{relay:NAME}}`",
                "write `{relay:NAME}` alone, the name of small letters, digits and `-`",
            )
            for text in ("{relay}", "{relay:Mail}", "{relay:mail}:25", "{mail}", "{relya:mail}")
        ),
        (
            "read: ['{relay:mail}']",
            "`{relay:mail}` is a destination, not a path",
            "grant it under `network`",
        ),
    ],
)
def test_a_grant_that_cannot_be_kept_is_an_error_with_its_cure(
    grants: str, message: str, cure: str
):
    assert found(grants) == [("LB310", message, cure)]


@pytest.mark.parametrize(
    "grants",
    [
        "read: ['{nope}', '{sources}', '{stage}', '{backup-sources}', '{releases:staging}']",
        "read: [/etc/hosts, '{repository}/docs', '{toolbox:test}/lib']",
        "network: ['{relay:database}', '[::1]:80', 'mirror.example.org:443']",
        "secrets: [backup-key, TOKEN, a_b]",
        "{read: ['{state}', /srv/ab], write: ['{state}', /srv/a]}",
    ],
)
def test_a_grant_that_some_host_can_keep_is_let_pass(grants: str):
    assert found(grants) == []


@pytest.mark.parametrize("path", ["/", "//", "/."])
def test_the_whole_file_system_is_one_finding_however_it_is_written(path: str):
    assert found(f"{{write: ['{path}'], read: [/srv]}}") == [
        (
            "LB311",
            "`test` of `TestBot` is granted the whole file system",
            "name the folders that it needs, or use a placeholder",
        )
    ]


def found(grants: str) -> list[tuple[str, str, str]]:
    grants = grants if grants.startswith("{") else f"{{{grants}}}"
    bot = FLEET["rules/bots/testbot.yaml"].replace(
        "emits: [test.completed]", f"emits: [test.completed], grants: {grants}"
    )
    files = dict(FLEET) | {"rules/bots/testbot.yaml": bot}
    diagnostics = run(load({path: text.encode() for path, text in files.items()})).diagnostics
    return [(one.code, one.message, one.help) for one in diagnostics]
