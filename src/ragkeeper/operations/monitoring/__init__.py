"""What Prometheus, Alertmanager and Grafana need to watch this server, written from its own tables."""
