"""Decisions about a new index and a change of the embedding model."""

from ragkeeper.retrieval.reindex.models import EmbeddingChoice


def chosen(setting: str, choice: EmbeddingChoice | None) -> EmbeddingChoice:
    """What serves: the choice as long as the environment says what it said when it was made, else the environment."""
    return choice if choice is not None and choice.setting == setting else EmbeddingChoice(setting, setting)
