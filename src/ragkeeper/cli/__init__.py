"""What every commands.py is written with: tables, JSON output, exit codes, confirmation."""
