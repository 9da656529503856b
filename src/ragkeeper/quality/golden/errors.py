"""Why golden questions cannot be asked."""

from ragkeeper.core.errors import RagkeeperError


class NoGoldenQuestions(RagkeeperError):
    """There are no golden questions to ask."""

    code = "golden_questions_not_set"
    status = 409
    fix = "Set RAG_GOLDEN_QUESTIONS to a folder with queries.jsonl and qrels.tsv; docs/howto/evaluate.md shows them."
