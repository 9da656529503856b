"""The guides' alerts in a running server, a real Prometheus and Alertmanager, whose waits are shortened."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.guides.mail_server import mail_server
from tests.acceptance.guides.test_answers import fill, provider
from tests.acceptance.guides.watching import export, fires, rules
from tests.acceptance.mounts import inside, on_own_disk
from tests.acceptance.server import COMMAND, Server, run, serving, wait_for
from tests.contract.cache.server import redis_server
from tests.contract.chat.standin import Behaviour, StandIn
from tests.faults.alerts.course import Seen
from tests.faults.alerts.course import run as run_fault
from tests.faults.alerts.faults import FAULTS
from tests.faults.alerts.scene import load
from tests.integration.monitoring.cases import s
from tests.integration.monitoring.stack import Receiver, Stack, of_all_servers, programs, receiving, watching

Require = Callable[[str], Path]
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("monitoring")]
SCALE = "--time-scale=0.02"
SILENT = 3.0


def address(server: Server) -> str:
    return f"127.0.0.1:{server.environment['RAG_PORT']}"


def panel(stack: Stack, dashboard: str, title: str) -> dict[str, str]:
    """The queries of an exported panel, by their legends."""
    file = stack.folder / "export" / "grafana" / "dashboards" / f"{dashboard}.json"
    panels = json.loads(file.read_text(encoding="utf-8"))["panels"]
    [found] = [one for one in panels if one["title"] == title]
    return {target["legendFormat"]: of_all_servers(target["expr"]) for target in found["targets"]}


def until_firing(stack: Stack, *names: str, seconds: float = 30) -> None:
    wait_for(lambda: set(names) <= stack.firing(), seconds)


def until_quiet(stack: Stack, *names: str, seconds: float = 60) -> None:
    wait_for(lambda: not set(names) & stack.firing(), seconds)


def until_told(stack: Stack, status: str, *names: str) -> None:
    wait_for(lambda: set(names) <= stack.receiver.names(status), 30)


# ---- three servers


class Three:
    """Three servers, and the Prometheus that reads them."""

    def __init__(self, servers: list[Server], stack: Stack) -> None:
        self.servers, self.stack = servers, stack
        self._again: list[subprocess.Popen[bytes]] = []

    def kill(self, number: int) -> None:
        for process in [self.servers[number].process, *self._again]:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def start(self, number: int) -> None:
        server = self.servers[number]
        environment = {"PATH": os.environ["PATH"], **server.environment}
        with (server.folder / "again.log").open("ab") as log:
            self._again.append(
                subprocess.Popen([COMMAND, "serve"], cwd=server.folder, env=environment, stdout=log, stderr=log)
            )

    def close(self) -> None:
        for process in self._again:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, require_binary: Require) -> Iterator[Three]:
    folder = tmp_path_factory.mktemp("three")
    with ExitStack() as parts:
        servers = [parts.enter_context(serving(folder / str(number))) for number in range(3)]
        found = programs(require_binary)
        stack = parts.enter_context(watching(found, folder, [address(one) for one in servers], SCALE))
        wait_for(lambda: set(stack.targets().values()) == {"up"} and not stack.firing(), 30)
        made = Three(servers, stack)
        parts.callback(made.close)
        yield made


def test_g0_078_every_target_runs_and_alerts_arrive(three: Three, tmp_path: Path, require_binary: Require):
    assert three.stack.targets() == {address(one): "up" for one in three.servers}
    written = yaml.safe_load((export(tmp_path) / "prometheus.yml").read_text(encoding="utf-8"))
    [job] = written["scrape_configs"]
    assert (job["job_name"], job["metrics_path"], job["scrape_interval"]) == ("rag-interface", "/metrics", "30s")
    three.kill(0)
    until_told(three.stack, "firing", "ServiceDown.critical")
    three.start(0)
    until_quiet(three.stack, "ServiceDown.critical")


def test_g0_082_service_health_is_shown_by_instance(three: Three):
    asked = panel(three.stack, "rag-interface-system", "Service Health")
    assert asked == {"{{instance}}": 'up{job="rag-interface"}'}
    three.kill(0)
    wanted = {address(one): str(int(number > 0)) for number, one in enumerate(three.servers)}

    def shown() -> dict[str, str]:
        found = three.stack.query(asked["{{instance}}"])
        return {one["metric"]["instance"]: one["value"][1] for one in found}

    wait_for(lambda: shown() == wanted)
    assert shown() == wanted
    three.start(0)
    until_quiet(three.stack, "ServiceDown.critical")


def test_g0_083_a_server_that_is_down_is_told_and_its_return_too(three: Three):
    three.stack.receiver.told.clear()
    three.kill(0)
    until_firing(three.stack, "ServiceDown.critical")
    [alert] = three.stack.alerts("ServiceDown")
    assert alert["annotations"]["summary"] == f"Service {address(three.servers[0])} is down"
    assert alert["annotations"]["runbook_url"].endswith("/server-down.md")
    until_told(three.stack, "firing", "ServiceDown.critical")
    three.start(0)
    until_quiet(three.stack, "ServiceDown.critical")
    until_told(three.stack, "resolved", "ServiceDown.critical")


def test_g2_047_a_target_that_is_down_or_gone_is_told_once(three: Three):
    three.stack.receiver.told.clear()
    three.kill(0)
    until_firing(three.stack, "InstanceDown.warning", "ServiceDown.critical")
    until_told(three.stack, "firing", "ServiceDown.critical")
    three.start(0)
    until_quiet(three.stack, "InstanceDown.warning", "ServiceDown.critical")
    file = three.stack.folder / "export" / "prometheus.yml"
    whole = file.read_text(encoding="utf-8")
    gone = address(three.servers[1])
    file.write_text(re.sub(rf'\n *- "{gone}"', "", whole), encoding="utf-8")
    three.stack.reload()
    until_firing(three.stack, "InstanceDown.warning", "ServiceDown.critical")
    assert {one["labels"]["instance"] for one in three.stack.alerts("InstanceDown")} == {gone}
    time.sleep(SILENT)
    assert "InstanceDown.warning" not in three.stack.receiver.names("firing")
    file.write_text(whole, encoding="utf-8")
    three.stack.reload()
    until_quiet(three.stack, "InstanceDown.warning", "ServiceDown.critical")


def test_g3_047_the_application_is_down_when_no_server_is_ready(three: Three):
    three.kill(0)
    until_firing(three.stack, "ServiceDown.critical")
    time.sleep(SILENT)
    assert "ApplicationDown.critical" not in three.stack.firing()
    for server in three.servers[1:]:
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    until_firing(three.stack, "ApplicationDown.critical")
    until_told(three.stack, "firing", "ApplicationDown.critical")


# ---- one server with a model


@pytest.fixture
def one(tmp_path: Path, model: StandIn, require_binary: Require) -> Iterator[tuple[Server, Stack]]:
    with serving(tmp_path / "server", provider(model)) as server:
        fill(server)
        with watching(programs(require_binary), tmp_path, [address(server)], SCALE) as stack:
            wait_for(lambda: bool(stack.query("up == 1")))
            yield server, stack


def test_g4_038_a_provider_that_cannot_be_used_is_told_by_name(one: tuple[Server, Stack], model: StandIn):
    server, stack = one
    model.behave(Behaviour.STATUS, status=500)
    server.http.post("/chat", json={"message": "Where does the lighthouse stand?"})
    until_firing(stack, "OllamaDown.warning", seconds=60)
    [alert] = stack.alerts("OllamaDown")
    assert alert["annotations"]["summary"] == "The model provider standin cannot be used"
    until_told(stack, "firing", "OllamaDown.warning")
    model.behave(Behaviour.REPLY)
    until_quiet(stack, "OllamaDown.warning", seconds=90)


def test_g3_050_warnings_reach_slack(tmp_path: Path, require_binary: Require):
    slack = export(tmp_path, RAG_ALERT_SLACK_URL="https://hooks.slack.example/x", RAG_ALERT_PAGERDUTY_KEY="key")
    assert routed(slack, "warning", require_binary) == "slack"
    assert [one for one in slack.rglob("*") if one.is_file() and "hooks.slack" in one.read_text()] == [
        slack / "secrets/slack_url"
    ]
    with receiving() as place:
        arrived = notified(tmp_path / "real", "warning", require_binary, place, RAG_ALERT_SLACK_URL=place.url)
    assert "RAG Interface Alert: Rehearsal" in arrived


def test_g3_046_critical_alerts_reach_pagerduty(tmp_path: Path, require_binary: Require):
    pages = export(tmp_path, RAG_ALERT_SLACK_URL="https://hooks.slack.example/x", RAG_ALERT_PAGERDUTY_KEY="key")
    assert routed(pages, "critical", require_binary) == "pagerduty"
    assert [one for one in pages.rglob("*.yml") if "key" in one.read_text().split()] == []
    with receiving() as place:
        arrived = notified(tmp_path / "real", "critical", require_binary, place, RAG_ALERT_PAGERDUTY_KEY="key")
    assert '"routing_key":"key"' in arrived


def routed(folder: Path, severity: str, require_binary: Require) -> str:
    amtool = require_binary("amtool")
    file = f"--config.file={folder / 'alertmanager.yml'}"
    subprocess.run([amtool, "check-config", folder / "alertmanager.yml"], check=True, capture_output=True)
    command = [amtool, "config", "routes", "test", file, f"severity={severity}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def notified(folder: Path, severity: str, require_binary: Require, place: "Receiver", **settings: str) -> str:
    """What arrives of one alert at a place that stands for the service's own."""
    folder.mkdir()
    with watching(programs(require_binary), folder, ["127.0.0.1:1"], SCALE, settings=settings) as stack:
        amtool = require_binary("amtool")
        labels = ["Rehearsal", f"severity={severity}", "owner=operator"]
        file = folder / "export" / "alertmanager.yml"
        text = file.read_text(encoding="utf-8")
        file.write_text(f"global:\n  pagerduty_url: {place.url}\n" + text, encoding="utf-8")
        subprocess.run(["curl", "-sf", "-XPOST", f"{stack.alertmanager}/-/reload"], check=True)
        subprocess.run([amtool, f"--alertmanager.url={stack.alertmanager}", "alert", "add", *labels], check=True)
        wait_for(lambda: any("Rehearsal" in body for body in place.bodies), 30)
        return next(body for body in place.bodies if "Rehearsal" in body)


# ---- disks, documents, mail


@pytest.fixture
def disk(tmp_path: Path, require_binary: Require) -> Iterator[tuple[Server, Stack]]:
    with on_own_disk(tmp_path / "server", "", "size=100m") as server:
        found = programs(require_binary)
        with watching(found, tmp_path, [address(server)], SCALE) as stack:
            wait_for(lambda: bool(stack.query("up == 1")))
            yield server, stack


def filled(server: Server, share: int) -> None:
    data = server.folder / "data"
    of = f"$(df -B1 --output={{}} {data} | tail -1)"
    count = f"$(({of.format('size')} * {share} / 100 - {of.format('used')}))"
    inside(server, "sh", "-c", f"head -c {count} /dev/zero >> {data}/filler")


def test_g3_051_a_disk_that_runs_full_warns_then_is_critical(disk: tuple[Server, Stack]):
    server, stack = disk
    filled(server, 85)
    until_firing(stack, "DiskSpaceLow.warning")
    time.sleep(SILENT)
    assert "DiskSpaceLow.critical" not in stack.firing()
    filled(server, 92)
    until_firing(stack, "DiskSpaceLow.critical")
    inside(server, "rm", str(server.folder / "data" / "filler"))
    until_quiet(stack, "DiskSpaceLow.warning", "DiskSpaceLow.critical")


def test_a_full_disk_that_is_read_only_is_silent(tmp_path: Path, require_binary: Require):
    device = {"device": "/dev/loop0", "fstype": "squashfs", "mountpoint": "/snap"}
    names = ("node_filesystem_avail_bytes", "node_filesystem_size_bytes", "node_filesystem_readonly")
    series = [s(name, **device) for name in names]
    assert fires(export(tmp_path), require_binary, "DiskSpaceLow", series, [(3600, (0, 100, 1), ())])


def test_g0_067_disk_use_is_shown_against_its_target_and_alerts(disk: tuple[Server, Stack]):
    server, stack = disk
    filled(server, 92)
    until_told(stack, "firing", "DiskSpaceLow.critical")
    shown = panel(stack, "rag-interface-system", "Disk Usage")
    used = {one["metric"]["mountpoint"]: float(one["value"][1]) for one in stack.query(next(iter(shown.values())))}
    assert used.pop(str(server.folder / "data")) == pytest.approx(92, abs=1)
    # Temporary files lie on another one.
    assert len(used) == 1

    def missed() -> dict[str, int]:
        targets = server.http.get("/status").json()["targets"]
        return {name: round(one["value"]) for name, one in targets.items() if "disk" in name and not one["ok"]}

    wait_for(lambda: bool(missed()), 90)
    assert set(missed().values()) == {92}


@pytest.mark.parametrize("below", ["backups", "files"])
def test_every_file_system_that_is_written_to_is_shown(tmp_path: Path, below: str):
    with on_own_disk(tmp_path, below, settings={}) as server:
        place = str(server.folder / "data" / below)

        def size() -> dict[str, float]:
            families = text_string_to_metric_families(server.http.get("/metrics").text)
            samples = [sample for one in families for sample in one.samples]
            return {one.labels["mountpoint"]: one.value for one in samples if one.name == "node_filesystem_size_bytes"}

        wait_for(lambda: place in size(), 60)
        assert size()[place] == 60 << 20


def seen(name: str, folder: Path, require_binary: Require) -> Seen:
    [fault] = [one for one in FAULTS if one.name == name]
    return run_fault(fault, programs(require_binary), require_binary("redis-server"), folder)


def test_g4_035_the_forecast_warns_before_the_disk_is_low(tmp_path: Path, require_binary: Require):
    found = seen("the disk fills steadily", tmp_path, require_binary)
    assert found.misses() == []
    low = [one for one in rules(export(tmp_path)) if one["alert"] == "DiskSpaceLow"]
    assert all("node_filesystem_readonly" in str(one["expr"]) for one in low)


def test_g1_032_an_index_that_lost_half_of_its_passages_alerts(tmp_path: Path, require_binary: Require):
    found = seen("the index lacks three passages of four", tmp_path, require_binary)
    assert found.misses() == []
    written = rules(export(tmp_path))
    text = " ".join(str(one["expr"]) for one in written)
    for indicator in (
        "http_request_duration_seconds",
        "http_requests_total",
        "node_cpu",
        "node_memory",
        "rag_documents",
    ):
        assert indicator in text
    assert [one for one in written if not one["labels"]["owner"] or not one["annotations"]["runbook_url"]] == []  # type: ignore[index]


@pytest.mark.timeout(240)
def test_g0_010_a_part_that_goes_away_sends_a_mail(tmp_path: Path, require_binary: Require):
    told_nobody = run("doctor", "--json", folder=tmp_path)
    assert "alert_address_not_configured" in told_nobody.stdout
    with mail_server() as sink, redis_server(require_binary("redis-server"), tmp_path / "redis") as redis:
        settings = {
            "REDIS_URL": redis.url,
            "RAG_ALERT_MAIL_TO": "ops@example.org",
            "RAG_SMTP_URL": f"smtp://127.0.0.1:{sink.port}",
        }
        with serving(tmp_path / "server", settings) as server:
            server.run("monitoring", "test")
            assert [mail["Subject"] for mail in sink.mails] == ["RAG Interface Alert"]
            assert "test" in sink.mails[0].get_content()
            redis.stop()
            wait_for(lambda: len(sink.mails) > 1, 150)
            mail = sink.mails[1]
            assert (mail["Subject"], mail["To"]) == ("RAG Interface Alert", "ops@example.org")
            assert "Redis cannot be used" in mail.get_content()
            shown = server.run("monitoring", "alerts", check=False)
            assert (shown.returncode, "RedisDown" in shown.stdout) == (1, True)
            assert "alert_address_not_configured" not in server.run("doctor", "--json", check=False).stdout


# ---- each alert by its fault


@pytest.mark.timeout(500)
def test_g2_044_every_alert_of_the_file_is_fired_by_its_fault(tmp_path: Path, require_binary: Require):
    written = {str(one["alert"]) for one in rules(export(tmp_path))}
    assert {"HighErrorRate", "HighLatency", "InstanceDown", "RedisDown", "PostgresDown", "LLMErrorsHigh"} <= written
    faults = (
        "half of the requests get status 500",
        "the model takes 4 seconds",
        "the server is killed",
        "one model call in four fails",
        "Redis is gone",
        "the database answers nobody",
    )
    fired: set[str] = set()
    for number, name in enumerate(faults):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = seen(name, folder, require_binary)
        assert found.misses() == []
        fired |= {one.split(".")[0] for one in found.fired}
    assert {"HighErrorRate", "HighLatency", "InstanceDown", "RedisDown", "PostgresDown", "LLMErrorsHigh"} <= fired


def test_g0_069_slow_answers_are_shown_and_warn(one: tuple[Server, Stack], model: StandIn):
    server, stack = one
    numbers = iter(range(1_000_000))
    model.delay = 3

    def ask() -> None:
        server.http.post("/chat", json={"message": f"Where does lighthouse {next(numbers)} stand?"})

    [asked] = panel(stack, "rag-interface-system", "Response Time").values()
    with load(ask, 12, 0.1):
        until_firing(stack, "HighResponseTime.warning", seconds=60)
        assert stack.value(asked) > 2
    assert server.http.get("/status").json()["targets"]["response_time_p95"]["target"] == 2


def test_g0_070_the_share_of_failures_is_shown_against_its_target_and_warns(tmp_path: Path, require_binary: Require):
    with serving(tmp_path / "server") as server:
        with sqlite3.connect(server.folder / "data/ragkeeper.db", timeout=30) as truth:
            truth.execute("ALTER TABLE sources RENAME TO misplaced")
        numbers = iter(range(1_000_000))

        def ask() -> None:
            """Two of a hundred fail."""
            server.http.get("/api/v1/sources" if next(numbers) % 50 == 25 else "/api/v1/documents")

        with (
            watching(programs(require_binary), tmp_path, [address(server)], "--time-scale=0.05") as stack,
            load(ask, 1, 0.02),
        ):
            until_firing(stack, "HighErrorRate.warning", seconds=90)
            assert "HighErrorRate.critical" not in stack.firing()
            shown = server.http.get("/status").json()["targets"]["error_share"]
        assert (round(shown["value"]), shown["target"], shown["ok"]) == (2, 1, False)
