"""What the rows about alerts share: an export as an operator makes it, and Prometheus' judgement of a course."""

from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from ragkeeper.core.settings import Settings
from ragkeeper.operations.monitoring.rules import plan
from tests.acceptance.server import run
from tests.integration.monitoring.cases import TARGETS, Case, Series, Stage, Value
from tests.integration.monitoring.judging import RULES, judged

MINUTE = 60.0
ADDRESSES = tuple(address for _, address in TARGETS)
PLAN = plan(Settings(), ADDRESSES, (), "localhost:9093", Path("/x"))


def export(folder: Path, *options: str, **settings: str) -> Path:
    """`ragkeeper monitoring export`, for two servers."""
    targets = [f"--target={address}" for address in ADDRESSES]
    done = run("monitoring", "export", str(folder / "export"), *targets, *options, folder=folder, environment=settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "export"


def rules(folder: Path) -> list[dict[str, object]]:
    """Every rule of the exported files."""
    groups = [
        group for path in RULES for group in yaml.safe_load((folder / path).read_text(encoding="utf-8"))["groups"]
    ]
    return [{**rule, "group": group["name"]} for group in groups for rule in group["rules"]]


def fires(
    folder: Path,
    require_binary: Callable[[str], Path],
    name: str,
    series: Sequence[Series],
    stages: Sequence[tuple[float, Sequence[Value], tuple[str, ...]]],
    **labels: str,
) -> bool:
    """Whether by the exported rules exactly these levels fire at the end of each stage."""
    case = Case(name, series, [Stage(*stage) for stage in stages], labels)
    said = judged([case], folder, require_binary("promtool"), PLAN)
    assert said == ""
    return True
