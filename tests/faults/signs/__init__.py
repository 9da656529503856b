"""Every fault with what shows it: health, a metric, an alert, a finding, and after how long; see `__main__.py`."""
