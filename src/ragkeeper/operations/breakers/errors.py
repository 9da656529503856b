"""What can be wrong with an act on a breaker."""

from ragkeeper.core.errors import NotFound


class BreakerUnknown(NotFound):
    """There is no breaker {name}; there are: {known}."""

    code = "breaker_unknown"
    fix = "Name a provider, or one of its operations as `ragkeeper breaker list` shows it."
