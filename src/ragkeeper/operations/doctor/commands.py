"""`ragkeeper doctor` and `ragkeeper support-bundle`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ragkeeper import __version__
from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_text, size
from ragkeeper.core.checks import Finding
from ragkeeper.core.clock import utc_now
from ragkeeper.core.lines import one_line
from ragkeeper.operations.doctor.bundle import write_bundle
from ragkeeper.operations.doctor.models import Examination, Looked, State
from ragkeeper.operations.doctor.ports import Surgery
from ragkeeper.operations.doctor.rules import branches, has_problem, mends, worst
from ragkeeper.operations.doctor.schemas import examination_view
from ragkeeper.operations.doctor.service import examine, mend

_MARKS = {State.OK: "ok", State.NOTE: "note", State.SKIPPED: "skipped"}
_MARKS |= {State.WARNING: "WARNING", State.FAILURE: "FAILURE"}


def doctor_commands(surgery: Surgery) -> typer.Typer:
    app = command_group(name="doctor", help="Find out what is wrong, why it matters and what to type.")

    @app.callback(
        invoke_without_command=True,
        no_args_is_help=False,
        epilog=example("ragkeeper doctor", "ragkeeper doctor --fix --plan"),
    )
    def doctor(
        context: typer.Context,
        fix: Annotated[bool, typer.Option("--fix", help="Do what is safe to do, such as closing permissions.")] = False,
        plan: Annotated[bool, typer.Option("--plan", help="With --fix: only show what it would do.")] = False,
        json: Json = False,
    ) -> None:
        """Look at everything, with the server up or down, and change nothing.

        Exit status 0 when nothing is wrong, 1 when something is, 2 when the settings or the options cannot be used.
        """
        if context.invoked_subcommand is not None:
            return
        if plan and not fix:
            raise typer.BadParameter("--plan says what --fix would do: give both", param_hint="--plan")
        found = _examined(surgery)
        if fix and not plan:
            for failure in mend(found, lambda done: note(f"done: {done}")):
                note(f"could not: {failure}")
            found = _examined(surgery)
        _print(found, plan=plan, json=json)
        raise typer.Exit(_status(found))

    return app


def add_support_bundle(app: typer.Typer, surgery: Surgery) -> None:
    @app.command("support-bundle", epilog=example("ragkeeper support-bundle", "ragkeeper support-bundle case-7.tar.gz"))
    def support_bundle(
        file: Annotated[Path | None, typer.Argument(help="Default: a name with the time, in this folder.")] = None,
        json: Json = False,
    ) -> None:
        """Write settings, findings, figures and logs into one file to send to somebody who helps, secrets left out."""
        path = file or Path(f"ragkeeper-support-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
        manifest = write_bundle(path, surgery, __version__, utc_now)
        if json:
            print_json({"file": str(path), **manifest})
            return
        for entry in manifest["files"]:
            print_text(f"{entry['name']}  {size(entry['size'])}  {entry['redactions']} redactions")
        for name in manifest["left_out"]:
            print_text(f"{name}  left out: there was no time for it")
        print_text(f"Written: {path} ({size(path.stat().st_size)}). Look through it before you send it.")


def _examined(surgery: Surgery) -> Examination:
    with surgery.patient() as patient:
        return examine(patient, __version__, utc_now)


def _status(found: Examination) -> ExitCode:
    if any(finding.code in {"setting_unknown", "setting_invalid"} for finding in found.findings):
        return ExitCode.MISUSE
    return ExitCode.PROBLEM_FOUND if has_problem(found) else ExitCode.FINE


def _print(found: Examination, *, plan: bool, json: bool) -> None:
    planned = [one.what for _, one in mends(found)]
    if json:
        print_json({**examination_view(found), **({"plan": planned} if plan else {})})
        return
    where = f"server at {found.server}" if found.server else "no server answers"
    print_text(f"ragkeeper {found.version}, {where}; {len(found.looked)} checks in {found.seconds:.1f} s")
    for name, checks in branches(found.looked).items():
        _print_branch(name, checks)
    if plan:
        print_text("\n--fix would do:" if planned else "\n--fix would do nothing.")
        for what in planned:
            print_text(f"  {what}")
    elif planned:
        print_text("\nSome of this mends itself: ragkeeper doctor --fix --plan")


def _print_branch(name: str, checks: list[Looked]) -> None:
    """A branch in one line where all is well, else with its checks and what they found."""
    print_text(f"[{_MARKS[worst(one.state for one in checks)]}] {name}: {', '.join(one.name for one in checks)}")
    for one in checks:
        if one.state is State.SKIPPED:
            print_text(f"    [skipped] {one.name}: {one_line(one.reason)}")
        for finding in one.findings:
            _print_finding(finding)


def _print_finding(finding: Finding) -> None:
    print_text(f"    [{_MARKS[State(finding.severity.value)]}] {one_line(finding.message)} [{finding.code}]")
    print_text(f"        what it means: {finding.consequence}")
    print_text(f"        what to do:    {finding.fix}")
