"""`promtool test rules` as the judge of courses."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from ragkeeper.operations.monitoring.models import Plan
from tests.integration.monitoring.cases import Case
from tests.integration.monitoring.promtool import course_file

RULES = ("alerts.yml", "rules/rag-system-alerts.yml")


def judged(cases: Sequence[Case], folder: Path, promtool: Path, plan: Plan) -> str:
    """What `promtool test rules` has to say against them. Of the exported rules it gets those of that name."""
    rules = json.dumps({"groups": list(_groups(cases[0].name, folder))})
    (folder / "rules.json").write_text(rules, encoding="utf-8")
    said = ""
    for step in {case.step for case in cases}:
        file = folder / "courses.json"
        file.write_text(course_file(cases, "rules.json", step, plan), encoding="utf-8")
        command = [promtool, "test", "rules", file.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        said += "" if done.returncode == 0 else (done.stdout + done.stderr)[:3000]
    return said


def _groups(name: str, folder: Path) -> Iterator[dict[str, object]]:
    for path in RULES:
        for group in yaml.safe_load((folder / path).read_text(encoding="utf-8"))["groups"]:
            chosen = [rule for rule in group["rules"] if rule["alert"] == name]
            if chosen:
                yield {**group, "rules": chosen}
