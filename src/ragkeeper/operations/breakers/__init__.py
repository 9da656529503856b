"""The state of each model provider as its calls showed it, and an administrator's hand on its breaker."""
