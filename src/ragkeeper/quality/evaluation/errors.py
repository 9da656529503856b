"""How an evaluation fails to run."""

from ragkeeper.core.errors import RagkeeperError


class SetUnreadable(RagkeeperError):
    """The folder {folder} is not an evaluation set: {reason}."""

    code = "evaluation_set_unreadable"
    status = 400
    fix = (
        "A retrieval set holds corpus.jsonl, queries.jsonl and qrels.tsv; a question set corpus.jsonl and qa.jsonl. "
        "docs/howto/evaluate.md shows their lines."
    )


class BaselineUnreadable(RagkeeperError):
    """The baseline {file} cannot be compared with: {reason}."""

    code = "evaluation_baseline_unreadable"
    status = 400
    fix = "Give the file that the same command wrote with `--save FILE`, or its `--json` output."


class CorpusNotLoaded(RagkeeperError):
    """Not one document of {folder} could be read by the server; the first one failed with: {reason}."""

    code = "evaluation_corpus_not_loaded"
    status = 502
    fix = "Look at `ragkeeper documents list` and at the server's log."
