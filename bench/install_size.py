"""How much disk an installation takes: the files of every package in requirements.lock, as installed here.

    python -m bench.install_size [--json] [--largest 8]

Compiled bytecode counts, pip and the development tools do not. The budget is 500 MB, and no torch.
"""

import argparse
import json
import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from bench.conditions import print_conditions

ROOT = Path(__file__).resolve().parent.parent
BUDGET_MB = 500


def main() -> int:
    options = _options()
    if options.self_check:
        return _self_check()
    sizes = installed_sizes(locked(ROOT / "requirements.lock"))
    result = {"packages": len(sizes), "mb": round(sum(sizes.values()), 1), "budget_mb": BUDGET_MB}
    largest = dict(sorted(sizes.items(), key=lambda item: -item[1])[: options.largest])
    if options.json:
        print(json.dumps(result | {"largest_mb": {name: round(mb, 1) for name, mb in largest.items()}}))
    else:
        print_conditions()
        print(f"{result['packages']} packages, {result['mb']} MB (budget {BUDGET_MB} MB)")
        print("\n".join(f"{mb:8.1f} MB  {name}" for name, mb in largest.items()))
    return int(result["mb"] > BUDGET_MB or "torch" in sizes)


def locked(lock: Path) -> list[str]:
    """Return the names that the lock asks for on this machine and Python."""
    lines = re.findall(r"^([a-z0-9].*?) *\\$", lock.read_text(encoding="utf-8"), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    return [one.name for one in found if one.marker is None or one.marker.evaluate()]


def installed_sizes(names: list[str]) -> dict[str, float]:
    """Return MB on disk per package; a package that is not installed is an error."""
    return {name: _size(metadata.distribution(name)) for name in names}


def _size(package: metadata.Distribution) -> float:
    paths = [Path(str(package.locate_file(file))) for file in package.files or []]
    return sum(path.stat().st_size for path in paths if path.exists()) / 1e6


def _self_check() -> int:
    sizes = installed_sizes(["pydantic", "typer"])
    return int(not all(mb > 0 for mb in sizes.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--largest", type=int, default=8, help="how many packages to list (default 8)")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
