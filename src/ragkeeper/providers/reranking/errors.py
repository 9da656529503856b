"""How rerankers fail."""

from ragkeeper.core.errors import Unavailable


class RerankerUnavailable(Unavailable):
    """The reranking model {model} cannot be used: {reason}."""

    code = "reranker_unavailable"
    fix = "Set RERANKING_METHOD=none, or make the model available: it is fetched once, where the machine is online."
