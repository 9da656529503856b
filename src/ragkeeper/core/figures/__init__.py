"""Metrics that are looked up for a scrape, or counted away from requests; `core/metrics.py` has the whole table."""
