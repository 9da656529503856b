import yaml

from ragkeeper.operations.monitoring.models import File
from ragkeeper.operations.monitoring.prometheus import prometheus_files
from tests.unit.operations.monitoring.plans import plan


def configuration(file: File) -> dict[str, object]:
    return dict(yaml.safe_load(file.text))


def test_it_reads_every_target_as_often_as_the_guides_say():
    found = configuration(prometheus_files(plan())["prometheus.yml"])
    assert found["global"] == {"scrape_interval": "15s", "scrape_timeout": "10s", "evaluation_interval": "15s"}
    assert found["scrape_configs"] == [
        {
            "job_name": "rag-interface",
            "metrics_path": "/metrics",
            "scrape_interval": "30s",
            "scrape_timeout": "10s",
            "static_configs": [{"targets": ["a:8000", "b:8000"]}],
        },
        {"job_name": "postgres", "metrics_path": "/metrics", "static_configs": [{"targets": ["c:9187"]}]},
    ]
    assert found["alerting"] == {"alertmanagers": [{"static_configs": [{"targets": ["alerts:9093"]}]}]}


def test_a_token_lies_in_a_file_that_others_cannot_read():
    files = prometheus_files(plan(token="hush"))  # noqa: S106 - no secret of anybody's
    assert files["secrets/metrics_token"] == File("hush", secret=True)
    assert "hush" not in files["prometheus.yml"].text
    assert "credentials_file: secrets/metrics_token" in files["prometheus.yml"].text


def test_every_rule_is_in_a_group_and_says_who_what_and_where():
    files = prometheus_files(plan())
    paths = ("alerts.yml", "rules/rag-system-alerts.yml")
    groups = [group for path in paths for group in yaml.safe_load(files[path].text)["groups"]]
    assert [group["name"] for group in groups] == ["rag-interface", "rag-objectives", "rag-system"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(plan().alerts)
    for rule in rules:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["labels"]["owner"] == "operator"
        assert rule["annotations"]["runbook_url"].startswith("https://wiki.example/operate/")
        assert rule["annotations"]["summary"]
    down = next(rule for rule in rules if rule["alert"] == "ServiceDown")
    assert down["annotations"]["summary"] == "Service {{ $labels.instance }} is down"
    assert down["for"] == "1m"
    assert 'absent(up{job="rag-interface",instance="b:8000"})' in down["expr"]
    instance = next(rule for rule in rules if rule["alert"] == "InstanceDown")
    assert 'absent(up{job="postgres",instance="c:9187"})' in instance["expr"]


def test_a_rehearsal_is_faster_in_everything():
    files = prometheus_files(plan(scale=0.01))
    found = configuration(files["prometheus.yml"])
    assert found["global"] == {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"}
    assert "for: 600ms" in files["alerts.yml"].text
    assert "[5m]" not in files["alerts.yml"].text
