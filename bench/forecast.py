"""How well the capacity report's forecasts hold on real series, beside the guide's plain linear fit.

    python -m bench.forecast [--json]

The hourly means of the CloudWatch series of the Numenta Anomaly Benchmark (processors, disks, networks, requests; about
14 days each). From each midnight on, what is known by then is forecast: first with all days known and three days ahead,
then with four days known and up to ten ahead, which is about the report's 30 to 90. Error: mean absolute error divided
by that of taking yesterday's hour (MASE; above 1 is worse than that). Coverage: how much of what came lay in the
interval of 80 %. The guide's fit: mean of the last seven hours, and the slope of a straight line through all hours by
day. Target: better than the guide's on the median series, and coverage between 70 and 90 %.
"""

import argparse
import csv
import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean, median

import numpy as np

from bench.conditions import print_conditions
from ragkeeper.operations.capacity.forecast import COVERAGE, forecast
from ragkeeper.operations.capacity.trend import Values

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "nab" / "data" / "realAWSCloudwatch"
DAY = 24
_FEWEST_HOURS = 12 * DAY
_LEAST_AHEAD = 3 * DAY
LEAST_COVERED, MOST_COVERED = 0.7, 0.9


@dataclass(frozen=True, slots=True)
class Setting:
    """fewest: hours known at the first forecast; latest: how many of the known ones are used, None for all."""

    name: str
    fewest: int
    latest: int | None
    ahead: int


SETTINGS = (
    Setting("a week or more known, 3 days ahead", 7 * DAY, None, 3 * DAY),
    Setting("4 days known, up to 10 ahead", 4 * DAY, 4 * DAY, 10 * DAY),
)


@dataclass(frozen=True, slots=True)
class Result:
    """Means over all forecasts of a series."""

    series: str
    ours: float
    guide: float
    covered: float


def main() -> int:
    options = _options()
    if not DATA.exists():
        print(f"no data at {DATA}")
        return 0 if options.self_check else 3
    files = sorted(DATA.glob("*.csv"))
    hours = {file.stem: hourly(file) for file in (files[:2] if options.self_check else files)}
    known = {name: values for name, values in hours.items() if len(values) >= _FEWEST_HOURS}
    found = {one.name: [measured(name, values, one) for name, values in known.items()] for one in SETTINGS}
    figures = {name: _figures(results) for name, results in found.items()}
    if options.json:
        print(json.dumps(figures))
    else:
        print_conditions("numpy")
        for name, results in found.items():
            _print(name, results, figures[name])
    if options.self_check:
        return int(not all(0 < one["ours_median"] < 10 and 0 < one["covered_mean"] <= 1 for one in figures.values()))
    return int(not all(_good(one) for one in figures.values()))


def hourly(file: Path) -> Values:
    """Means by hour, NaN for hours without a point."""
    rows = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))[1:]
    first = datetime.fromisoformat(rows[0][0])
    place = np.array([int((datetime.fromisoformat(row[0]) - first).total_seconds() // 3600) for row in rows])
    sums = np.bincount(place, [float(row[1]) for row in rows])
    counts = np.bincount(place)
    found: Values = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found


def measured(name: str, values: Values, setting: Setting) -> Result:
    scale = float(np.nanmean(np.abs(values[DAY:] - values[:-DAY])))
    ours, guide, covered = [], [], []
    for at in range(setting.fewest, len(values) - _LEAST_AHEAD + 1, DAY):
        past = values[:at] if setting.latest is None else values[at - setting.latest : at]
        coming = values[at : at + setting.ahead]
        told = forecast(past, DAY, len(coming))
        ours.append(float(np.nanmean(np.abs(told.point - coming))) / scale)
        guide.append(float(np.nanmean(np.abs(as_the_guide(past, len(coming)) - coming))) / scale)
        known = coming[~np.isnan(coming)]
        inside = (coming >= told.low - 1e-9) & (coming <= told.high + 1e-9)
        covered.append(float(inside.sum()) / len(known))
    return Result(name, mean(ours), mean(guide), mean(covered))


def as_the_guide(past: Values, ahead: int) -> Values:
    """Its `analyze_growth_trends` and `project_future_capacity`, for each hour ahead."""
    known = ~np.isnan(past)
    slope = np.polyfit((np.arange(len(past)) // DAY)[known], past[known], 1)[0]
    found: Values = np.nanmean(past[-7:]) + slope * np.arange(1, ahead + 1) / DAY
    return found


def _figures(results: list[Result]) -> dict[str, float]:
    return {
        "series": len(results),
        "ours_median": round(median(one.ours for one in results), 3),
        "guide_median": round(median(one.guide for one in results), 3),
        "ours_mean": round(mean(one.ours for one in results), 3),
        "guide_mean": round(mean(one.guide for one in results), 3),
        "better": sum(one.ours < one.guide for one in results),
        "covered_mean": round(mean(one.covered for one in results), 3),
    }


def _good(one: dict[str, float]) -> bool:
    return one["ours_median"] < one["guide_median"] and LEAST_COVERED <= one["covered_mean"] <= MOST_COVERED


def _print(name: str, results: list[Result], figures: dict[str, float]) -> None:
    print(f"\n{name}\n{'series':40} {'ours':>6} {'guide':>6} {'covered':>8}")
    for one in results:
        print(f"{one.series:40} {one.ours:6.2f} {one.guide:6.2f} {one.covered:8.0%}")
    print(
        f"median {figures['ours_median']:.2f} against {figures['guide_median']:.2f}, mean {figures['ours_mean']:.2f} "
        f"against {figures['guide_mean']:.2f}, better on {figures['better']} of {figures['series']}; "
        f"covered {figures['covered_mean']:.0%} (said: {COVERAGE:.0%})"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
