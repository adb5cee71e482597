"""Which bots cannot run here, and how that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.model.load import load
from lotabots.service.readiness import in_words, unfit, without_program

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.model.fleet import Fleet
    from lotabots.policy.contract import Job
    from lotabots.runtime.ports import OnLine, RunReport

NO_PROGRAM = "no bots/*/manifest.yaml is that of `{}`"


class Refusing:
    """An executor that refuses some actions, `Bot.action` to the reason, and runs none."""

    def __init__(self, refused: dict[str, str]) -> None:
        self._refused = refused

    def refusal(self, bot: str, action: str, /) -> str:
        return self._refused.get(f"{bot}.{action}", "")

    async def run(self, job: Job, /, *, on_line: OnLine) -> RunReport:
        raise AssertionError(job, on_line)


def fleet_of(*bots: str) -> Fleet:
    files = {
        "rules/fleet.yaml": "fleet: {name: x, rollout: one}\nphases: [one, two]\n",
        **{f"rules/bots/{n}.yaml": text for n, text in enumerate(bots)},
    }
    return load({path: text.encode() for path, text in files.items()}).fleet


def bot(name: str, *actions: str, more: str = "") -> str:
    listed = ", ".join(f"{{name: {action}, command: {action}}}" for action in actions)
    return f"bot: {{name: {name}{more}}}\nactions: [{listed}]\n"


def test_a_fleet_that_can_run_is_silent():
    fleet = fleet_of(bot("ABot", "a"), bot("BBot", "b"))
    assert unfit(fleet, Refusing({})) == {}
    assert in_words({}, fleet) == ""


def test_bots_with_the_same_reason_are_named_together():
    fleet = fleet_of(bot("ABot", "a"), bot("BBot", "b"), bot("CBot", "c"), bot("DBot", "d"))
    refused = {f"{n}.{n[0].lower()}": NO_PROGRAM.format(n) for n in ("ABot", "BBot")}
    found = unfit(fleet, Refusing(refused | {"DBot.d": "secret `KEY` has no value"}))
    assert found == {
        "ABot": "no bots/*/manifest.yaml is that of `ABot`",
        "BBot": "no bots/*/manifest.yaml is that of `BBot`",
        "DBot": "secret `KEY` has no value",
    }
    assert in_words(found, fleet) == (
        "3 of 4 enabled bots cannot run here, their jobs would be dead letters (LR408):\n"
        "  no bots/*/manifest.yaml is that of the bot: ABot, BBot\n"
        "  secret `KEY` has no value: DBot"
    )


def test_a_bot_that_can_do_a_part_is_named_with_the_action_that_it_cannot_do():
    fleet = fleet_of(bot("ABot", "make", "ship"))
    found = unfit(fleet, Refusing({"ABot.ship": "no entry point `ship`"}))
    assert found == {"ABot.ship": "no entry point `ship`"}
    assert in_words(found, fleet) == (
        "1 of 1 enabled bots cannot run here, their jobs would be dead letters (LR408):\n"
        "  no entry point `ship`: ABot.ship"
    )


def test_bots_that_get_no_jobs_are_left_out():
    fleet = fleet_of(
        bot("ABot", "a", more=", enabled: false"),
        bot("BBot", "b", more=", phase: two"),
        bot("CBot", "c", more=", phase: one"),
        bot("DBot"),
    )
    refused = {f"{n}.{n[0].lower()}": "no" for n in ("ABot", "BBot", "CBot")}
    assert unfit(fleet, Refusing(refused)) == {"CBot": "no"}


def test_a_reason_stays_a_line_whatever_it_holds():
    fleet = fleet_of(bot("ABot", "a"))
    heading, reason = in_words({"ABot": "bad\n\x1b[2J"}, fleet).splitlines()
    assert heading.endswith("(LR408):")
    assert reason == "  bad\\n\\x1b[2J: ABot"


def test_names_are_wrapped_to_the_terminal():
    fleet = fleet_of(*(bot(f"{letter}Bot", "a") for letter in "ABCDEFGHIJ"))
    found = {f"{letter}Bot": "no program" for letter in "ABCDEFGHIJ"}
    assert in_words(found, fleet, width=40).splitlines() == [
        "10 of 10 enabled bots cannot run here,",
        "    their jobs would be dead letters",
        "    (LR408):",
        "  no program: ABot, BBot, CBot, DBot,",
        "      EBot, FBot, GBot, HBot, IBot, JBot",
    ]


def install(folder: Path, name: str, text: str = "") -> None:
    entry = "entry_points: {a: {run: [x]}}"
    (folder / name).mkdir()
    (folder / name / "manifest.yaml").write_text(text or f"manifest: 1\nbot: {name}\n{entry}\n")


def test_bots_without_a_program_are_named_where_others_have_one(tmp_path: Path):
    fleet = fleet_of(bot("ABot", "a"), bot("BBot", "b"), bot("CBot", "c"), bot("DBot"))
    install(tmp_path, "ABot")
    assert without_program(fleet, tmp_path) == (
        "2 bots have no program in `bots`, their jobs would be dead letters (LR408): BBot, CBot"
    )
    install(tmp_path, "BBot")
    install(tmp_path, "CBot", "manifest: 1\n")
    assert without_program(fleet, tmp_path) == (
        "1 bot has no program in `bots`, their jobs would be dead letters (LR408): CBot"
    )


def test_bots_that_get_no_jobs_need_no_program(tmp_path: Path):
    later, off = bot("BBot", "b", more=", phase: two"), bot("CBot", "c", more=", enabled: false")
    install(tmp_path, "ABot")
    assert without_program(fleet_of(bot("ABot", "a"), later, off), tmp_path) == ""


def test_a_repository_that_holds_no_programs_is_not_told_so(tmp_path: Path):
    fleet = fleet_of(bot("ABot", "a"))
    assert without_program(fleet, tmp_path / "bots") == ""
    (tmp_path / "notes").mkdir()
    assert without_program(fleet, tmp_path) == ""


def test_a_manifest_that_cannot_be_read_is_no_matter_of_the_rules(tmp_path: Path):
    (tmp_path / "ABot/manifest.yaml").mkdir(parents=True)
    assert without_program(fleet_of(bot("ABot", "a")), tmp_path) == ""
