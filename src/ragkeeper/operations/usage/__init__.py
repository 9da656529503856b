"""Which routes are used and by whom, and how many contents were taken in: `GET /admin/stats` and `/status`."""
