"""An action that cannot be run here is refused before anything is started, with the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from executor.workshop import job, probe_fleet
from lotabots.adapters.executor.executor import Sandbox, SandboxExecutor, Settings
from lotabots.adapters.sandbox.launch import Launcher

if TYPE_CHECKING:
    from executor.workshop import Workshop


@pytest.mark.parametrize(
    ("grants", "reason"),
    [
        (
            {"read": ["{advisories}"]},
            "`{advisories}` has no place; name its folder under `places` in lotabots.yaml",
        ),
        ({"write": ["x"]}, "path `x` is neither absolute nor begins with a placeholder"),
        ({"secrets": ["KEY"]}, "secret `KEY` has no value"),
        (
            {"network": ["anywhere"]},
            "network grant `anywhere` is neither host:port nor {relay:NAME}",
        ),
        (
            {"network": ["{relay:nowhere}"]},
            "relay `nowhere` leads nowhere; name its place under `relays` in lotabots.yaml",
        ),
        ({"read": ["{toolbox:none}"]}, "there is no requirements/toolbox-none.txt"),
    ],
)  # fmt: skip
def test_grants_that_cannot_be_kept_are_refused(
    workshop: Workshop, grants: dict[str, Any], reason: str
):
    executor = workshop.probe("", grants=grants)
    assert executor.refusal("ProbeBot", "work") == reason
    assert workshop.run(executor, job()).report.refused == reason


def test_a_program_without_a_grant_is_refused(workshop: Workshop):
    executor = workshop.probe("", grants={"exec": []})
    assert executor.refusal("ProbeBot", "work").endswith(
        "is not granted for running; add `{python}` to the action's `exec` grants"
    )


def test_a_bot_without_a_manifest_or_entry_point_is_refused(workshop: Workshop):
    executor = workshop.executor(probe_fleet())
    assert executor.refusal("ProbeBot", "work") == "no bots/*/manifest.yaml is that of `ProbeBot`"
    workshop.probe("")
    manifest = workshop.bots / "probe/manifest.yaml"
    manifest.write_text(manifest.read_text().replace("  work:", "  works:"))
    executor = workshop.executor(probe_fleet())
    assert executor.refusal("ProbeBot", "work") == (
        "bots/probe/manifest.yaml has no entry point `work`; it has `works`"
    )
    manifest.write_text("bot: [")
    executor = workshop.executor(probe_fleet())
    assert executor.refusal("ProbeBot", "work").startswith(
        "no bots/*/manifest.yaml is that of `ProbeBot` (bots/probe/manifest.yaml:"
    )


def test_an_unknown_bot_or_action_is_refused(workshop: Workshop):
    executor = workshop.probe("")
    assert executor.refusal("ProbeBot", "play") == "`ProbeBot` has no action `play`"
    assert executor.refusal("NoBot", "work") == "`NoBot` has no action `work`"


def test_a_toolbox_that_is_not_built_or_was_changed_is_refused(workshop: Workshop):
    workshop.requirements = workshop.folder / "requirements"
    workshop.requirements.mkdir()
    (workshop.requirements / "toolbox-new.txt").write_text("")
    executor = workshop.probe("", grants={"read": ["{toolbox:new}"]})
    assert executor.refusal("ProbeBot", "work") == (
        "toolbox `new` is not built: run `lotabots tools sync`"
    )


def test_without_a_sandbox_nothing_runs(workshop: Workshop):
    workshop.probe("")
    folder = workshop.folder
    nothing = Settings(workshop.bots, folder, folder, workshop.jobs, folder, {}, {}, {}, {})
    executor = SandboxExecutor(
        probe_fleet(), nothing, sandbox=Sandbox(None, problem="no user namespaces"),
        blobs=workshop.blobs,
    )  # fmt: skip
    assert executor.refusal("ProbeBot", "work") == "no sandbox: no user namespaces"
    assert workshop.jobs.exists() is False


def test_a_launcher_that_has_gone_is_a_refusal_and_leaves_no_folder(workshop: Workshop):
    workshop.probe("")
    gone = Launcher()
    executor = workshop.executor(probe_fleet(), launcher=gone)
    gone.close()
    ran = workshop.run(executor, job())
    assert ran.report.refused.startswith("the sandbox launcher is gone")
    assert list(workshop.jobs.iterdir()) == []
