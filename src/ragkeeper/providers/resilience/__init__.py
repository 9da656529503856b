"""What stands between us and somebody else's model: a breaker, a limit of calls, few retries, a board of states."""
