"""Every alert fired by its fault: a running server, a real Prometheus and Alertmanager, a webhook receiver."""
