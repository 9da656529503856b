"""What every jobs.py is written with: queue, schedule, retry, worker loop."""
