"""The tree obeys each rule, and each rule can fail: it finds the fault planted for it and nothing in its twin."""

from pathlib import Path

import pytest

from tests.architecture import rules
from tests.architecture.rules import Rule
from tests.machine import ROOT

Files = dict[str, str]
SRC = "src/ragkeeper"
WORD = "TO" + "DO"

# Rule, a tree with one fault, and the same tree put right.
PLANTED: list[tuple[Rule, Files, Files]] = [
    (
        rules.engines_are_named_by_entrypoints_only,
        {
            f"{SRC}/storage/vectors/port.py": "",
            f"{SRC}/storage/vectors/fast.py": "",
            f"{SRC}/retrieval/service.py": "from ragkeeper.storage.vectors import fast",
        },
        {
            f"{SRC}/storage/vectors/port.py": "",
            f"{SRC}/storage/vectors/fast.py": "",
            f"{SRC}/storage/vectors/slow.py": "from ragkeeper.storage.vectors.fast import x",
            f"{SRC}/entrypoints/build.py": "from ragkeeper.storage.vectors import fast",
            f"{SRC}/retrieval/service.py": "from ragkeeper.storage.vectors.port import Port",
        },
    ),
    (
        rules.features_keep_their_private_files,
        {f"{SRC}/answers/service.py": "from ragkeeper.documents.repository import Documents"},
        {f"{SRC}/answers/service.py": "from ragkeeper.documents.service import D\nfrom ragkeeper.answers import rules"},
    ),
    (
        rules.features_keep_their_private_files,
        {f"{SRC}/quality/learned/service.py": "from ..reports import repository"},
        {f"{SRC}/quality/learned/service.py": "from ..reports import models\nfrom . import repository"},
    ),
    (
        rules.features_keep_their_private_files,
        {f"{SRC}/answers/service.py": "from ragkeeper.documents.schemas import DocumentView"},
        {f"{SRC}/answers/schemas.py": "from ragkeeper.documents.schemas import DocumentView"},
    ),
    (
        rules.environment_is_read_in_one_place,
        {f"{SRC}/http/a.py": "import os\nx = os.environ['A']"},
        {f"{SRC}/core/environment.py": "import os\nx = os.environ['A']"},
    ),
    (
        rules.environment_is_read_in_one_place,
        {f"{SRC}/http/a.py": "from os import getenv"},
        {f"{SRC}/http/a.py": "from os import getpid"},
    ),
    (
        rules.imports_stand_at_the_top,
        {f"{SRC}/http/a.py": "def f():\n    import json"},
        {f"{SRC}/http/a.py": "import json", f"{SRC}/entrypoints/cli.py": "def f():\n    import json"},
    ),
    (
        rules.imports_stand_at_the_top,
        {f"{SRC}/http/a.py": "import importlib\nx = importlib.import_module('json')"},
        {f"{SRC}/http/a.py": "import importlib\nx = importlib.resources"},
    ),
    (
        rules.nothing_is_left_to_do,
        {f"{SRC}/http/a.py": f"x = 1  # {WORD}: finish"},
        {f"{SRC}/http/a.py": f"x = '{WORD}'  # nothing is left"},
    ),
    (
        rules.broad_excepts_say_why,
        {f"{SRC}/http/a.py": "try:\n    x = 1\nexcept Exception:  # noqa: BLE001\n    pass"},
        {f"{SRC}/http/a.py": "try:\n    x = 1\nexcept Exception:  # noqa: BLE001 - the shell answers all\n    pass"},
    ),
    (
        rules.broad_excepts_say_why,
        {f"{SRC}/http/a.py": "try:\n    x = 1\nexcept (OSError, BaseException):\n    pass"},
        {
            f"{SRC}/http/a.py": "try:\n    x = 1\nexcept (OSError, ValueError):\n    pass",
            f"{SRC}/http/b.py": "try:\n    x = 1\nexcept BaseException:\n    x = 2\n    raise",
        },
    ),
    (
        rules.everything_is_mounted,
        {f"{SRC}/documents/routes.py": "", f"{SRC}/entrypoints/http.py": "from ragkeeper.documents import service"},
        {f"{SRC}/documents/routes.py": "", f"{SRC}/entrypoints/http.py": "from ragkeeper.documents import routes"},
    ),
    (
        rules.tests_assert_something,
        {"tests/unit/test_a.py": "def helper():\n    return 1\ndef test_a():\n    helper()"},
        {
            "tests/unit/test_a.py": "def helper():\n    assert 1\ndef test_a():\n    helper()",
            "tests/unit/test_b.py": "def test_b():  # passes by raising nothing\n    print()",
        },
    ),
    (
        rules.unit_tests_mirror_the_source,
        {f"{SRC}/core/ids.py": "", "tests/unit/core/test_names.py": ""},
        {f"{SRC}/core/ids.py": "", "tests/unit/core/test_ids.py": "", "tests/unit/core/test_ids_order.py": ""},
    ),
]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_tree_obeys(rule: Rule):
    assert rule(ROOT) == []


@pytest.mark.parametrize(("rule", "faulty", "sound"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_the_rule_can_fail(rule: Rule, faulty: Files, sound: Files, tmp_path: Path):
    assert len(set(rule(_plant(tmp_path / "faulty", faulty)))) >= 1
    assert rule(_plant(tmp_path / "sound", sound)) == []


def test_every_rule_has_a_planted_fault():
    assert {rule for rule, _, _ in PLANTED} == set(rules.RULES)


def _plant(root: Path, files: Files) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return root
