import json
import subprocess
import sys
from pathlib import Path
from typing import IO

from ragkeeper.core.telemetry import Stopwatch


def test_stages_add_up_and_the_total_covers_them() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("work"):
            sum(range(1000))
    watch.add("other", 1.5)
    timings = watch.timings()
    assert set(timings) == {"work", "other", "total"}
    assert timings["other"] == 1.5
    assert timings["total"] >= timings["work"] > 0


LOGGING = """
import logging, structlog
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.redaction import Redactor
from ragkeeper.core.telemetry import LOGGED, configure_logging

lines = []
configure_logging("info", Redactor(["s3cr3t-value"]), lines.append)
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(request_id="r1"):
    log.info("asked", reason="with s3cr3t-value", path="/error")
    logging.getLogger("library.part").warning("slow %s", 3)
try:
    raise OSError("no s3cr3t-value here")
except OSError as error:
    log.error("failed", exc_info=error)
log.debug("not wanted")
metrics = Metrics()
LOGGED.tell(metrics)
found = metrics.scrape().decode().splitlines()
print("\\n".join([*lines, *(one for one in found if one.startswith("rag_log_records"))]))
"""


def run(stderr: int | IO[bytes]) -> list[str]:
    done = subprocess.run([sys.executable, "-c", LOGGING], stdout=subprocess.PIPE, stderr=stderr, text=True, check=True)
    return done.stdout.splitlines()


def test_every_line_is_an_object_with_its_request_and_without_secrets():
    lines = run(subprocess.DEVNULL)
    asked, library, failed = (json.loads(line) for line in lines[:3])
    assert (asked["event"], asked["request_id"], asked["reason"]) == ("asked", "r1", "with ***")
    assert (library["event"], library["logger"], library["request_id"]) == ("slow 3", "library.part", "r1")
    assert (library["level"], library["code"]) == ("warning", "library")
    assert "OSError: no *** here" in failed["exception"]
    assert "s3cr3t-value" not in "\n".join(lines)
    assert all(one["timestamp"].endswith("Z") for one in (asked, library, failed))


def test_records_are_counted_by_level():
    assert run(subprocess.DEVNULL)[3:] == [
        'rag_log_records_total{level="debug"} 0.0',
        'rag_log_records_total{level="info"} 1.0',
        'rag_log_records_total{level="warning"} 1.0',
        'rag_log_records_total{level="error"} 1.0',
        'rag_log_records_total{level="critical"} 0.0',
        "rag_log_records_lost_total 0.0",
    ]


def test_a_full_disk_behind_standard_error_costs_lines_alone():
    with Path("/dev/full").open("wb") as full:
        assert run(full)[-1] == "rag_log_records_lost_total 3.0"


def test_who_looks_for_error_in_capitals_finds_errors_and_nothing_else():
    records = run(subprocess.DEVNULL)[:3]
    assert [json.loads(line)["event"] for line in records if "ERROR" in line] == ["failed"]
