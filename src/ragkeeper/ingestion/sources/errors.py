"""What can be wrong with a source."""

from ragkeeper.core.errors import RagkeeperError


class SourceError(RagkeeperError):
    """The source cannot be used: {reason}."""

    code = "source_unusable"
    status = 422
    fix = "Look at the reason, correct the source, and run `ragkeeper sources sync` again."


class SourceUnreachable(SourceError):
    """{location} cannot be reached: {reason}."""

    code = "source_unreachable"
    status = 503
    fix = "See that it is there and that this machine may read it. Nothing was removed; the next run tries again."


class AddressRefused(SourceError):
    """{address} is not fetched: {reason}."""

    code = "address_refused"
    status = 422
    fix = "Only public http and https addresses are fetched; a private host must be named in RAG_FETCH_PRIVATE_HOSTS."


class PageUnavailable(SourceError):
    """{url} cannot be fetched: {reason}."""

    code = "page_unavailable"
    status = 502
    fix = "Open it in a browser; what only people who are signed in may see cannot be fetched."


class FolderRefused(SourceError):
    """{path} cannot be a source: {reason}."""

    code = "folder_refused"
    status = 422
    fix = "Name a folder of documents on the server, by its whole path."


class OptionsInvalid(SourceError):
    """The options do not fit a source of the kind {kind}: {reason}."""

    code = "source_options_invalid"
    status = 422
    fix = "`ragkeeper sources add --help` lists what each kind understands."


class SourceShrank(SourceError):
    """{gone} of the {had} documents of {name} are no longer there; nothing was removed."""

    code = "source_shrank"
    status = 409
    fix = "If they are meant to go: `ragkeeper sources sync {name} --allow-removals`. Otherwise bring the source back."


class NameTaken(SourceError):
    """Another item of the source has the same name: {name}."""

    code = "source_item_name_taken"
    status = 409
    fix = "Rename one of them where they come from."


class NameForeign(SourceError):
    """There is a document called {name} that this source did not bring."""

    code = "source_item_name_foreign"
    status = 409
    fix = "Delete that document, or remove the source and add it under another name or to another collection."


class OwnerUnknown(SourceError):
    """Nobody is known by the name {name} any more, on whose behalf the source was read."""

    code = "source_owner_unknown"
    status = 403
    fix = "Remove the source without its documents and add it again; what is the same is recognised."


class SourceUnknown(RagkeeperError):
    """There is no source named {name}."""

    code = "source_unknown"
    status = 404
    fix = "`ragkeeper sources list` shows what there is."


class SourceExists(RagkeeperError):
    """A source named {name} exists already."""

    code = "source_exists"
    status = 409
    fix = "Change it with `ragkeeper sources change {name}`, or choose another name."


class SourcePaused(RagkeeperError):
    """The source {name} is paused."""

    code = "source_paused"
    status = 409
    fix = "`ragkeeper sources resume {name}` first; `--dry-run` works without."


class SyncUnderWay(RagkeeperError):
    """A synchronisation of {name} is under way that removes no more than usual."""

    code = "sync_under_way"
    status = 409
    fix = "Wait until it has ended (`ragkeeper sources show {name}`), then allow removals again."


class SyncUnknown(RagkeeperError):
    """There is no synchronisation {id}."""

    code = "sync_unknown"
    status = 404
    fix = "`ragkeeper sources show NAME` names the last one of a source."
