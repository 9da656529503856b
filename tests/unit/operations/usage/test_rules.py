"""Who used which route, and what became of the contents that were sent."""

from ragkeeper.core.figures.machine import PROCESS_CPU, PROCESS_MEMORY
from ragkeeper.core.figures.work import DOCUMENTS_PROCESSED, UPLOADS
from ragkeeper.core.metrics import REQUESTS_BY_CALLER, Metrics
from ragkeeper.operations.usage.models import ProcessUse
from ragkeeper.operations.usage.rules import intake, processes, routes


def test_the_most_used_route_comes_first_with_its_callers():
    metrics = Metrics()
    for path, caller, times in (
        ("/a", "user", 2),
        ("/b", "nobody", 3),
        ("/a", "administrator", 2),
        ("/metrics", "nobody", 9),
    ):
        metrics.count(REQUESTS_BY_CALLER, times, path=path, caller=caller)
    used = [(one.path, one.requests, one.callers) for one in routes(metrics.families())]
    assert used == [("/a", 4, {"user": 2, "administrator": 2}), ("/b", 3, {"nobody": 3})]


def test_what_was_refused_and_what_could_not_be_read_were_both_in_vain():
    metrics = Metrics()
    metrics.count(UPLOADS, 5, result="accepted", code="none")
    metrics.count(UPLOADS, result="refused", code="upload_too_large")
    metrics.count(DOCUMENTS_PROCESSED, 3, result="ok", code="none")
    metrics.count(DOCUMENTS_PROCESSED, result="failed", code="file_encrypted")
    metrics.count(DOCUMENTS_PROCESSED, result="abandoned", code="none")
    found = intake(metrics.families())
    assert (found.ok, found.unsuccessful) == (3, {"upload_too_large": 1, "file_encrypted": 1})
    assert found.success_share == 0.6


def test_without_contents_there_is_no_share():
    assert intake(Metrics().families()).success_share is None


def test_each_role_has_its_time_and_memory():
    metrics = Metrics()
    metrics.reached(PROCESS_CPU, 2.5, role="parser")
    metrics.set(PROCESS_MEMORY, 1000, role="parser")
    found = processes(metrics.families())
    assert found["parser"] == ProcessUse(2.5, 1000)
    assert found["api"] == ProcessUse(0.0, 0)
