"""What can stand against a new index."""

from ragkeeper.core.errors import RagkeeperError


class ReindexRunning(RagkeeperError):
    """The index is being built anew by the job {job}."""

    code = "reindex_running"
    status = 409
    fix = "Wait for it (`ragkeeper reindex --status`), or stop it (`ragkeeper reindex --cancel`)."


class ReindexSpaceLow(RagkeeperError):
    """A second index needs about {needed_mb} MB more than the reserve, and {free_mb} MB are free."""

    code = "reindex_space_low"
    status = 507
    fix = "Make room on the disk of the data folder, `ragkeeper reindex --finish` drops a kept index; then try again."


class ReindexIncomplete(RagkeeperError):
    """The new index does not hold what it should: {found}, expected {expected}."""

    code = "reindex_incomplete"
    status = 500
    fix = "The old index serves on. Run `ragkeeper doctor index` and then this again; report it if it stays."


class IndexBuildFailed(RagkeeperError):
    """The new index could not be built: {reason}."""

    code = "index_build_failed"
    status = 500
    fix = "The old index serves on. Look for a lack of memory or of disk space, then run `ragkeeper reindex` again."


class GenerationGone(RagkeeperError):
    """There is no index {name} any more."""

    code = "index_generation_gone"
    status = 409
    fix = "Run `ragkeeper reindex` again."


class IndexFolderUnwritable(RagkeeperError):
    """What serves could not be written down in {path}: {reason}."""

    code = "index_folder_unwritable"
    status = 507
    fix = "Nothing has changed. Make room on the disk, or mend the folder's permissions, and try again."


class NothingKept(RagkeeperError):
    """No earlier index is kept."""

    code = "index_nothing_kept"
    status = 409
    fix = "`ragkeeper reindex` keeps one until `ragkeeper reindex --finish`."


class ModelServing(RagkeeperError):
    """The embedding model {model} serves already."""

    code = "embedding_model_serving"
    status = 409
    fix = "`ragkeeper reindex` without a model builds the index anew for it."


class UnfinishedChange(RagkeeperError):
    """The change from the embedding model {kept} to {model} is not finished."""

    code = "embedding_change_unfinished"
    status = 409
    fix = "End it first with `ragkeeper reindex --finish`, or go back with `ragkeeper reindex --rollback`."


class ChangeRefused(RagkeeperError):
    """The model {model} finds something else than the one that serves: {reason}."""

    code = "embedding_change_refused"
    status = 409
    fix = (
        "Nothing has changed, and its vectors are kept. Compare both on judged questions (--golden DIR); then lower "
        "the gate (--min-overlap, --max-ndcg-loss), or pass it with --force."
    )
