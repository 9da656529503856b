"""What golden questions need of searches."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from ragkeeper.core.access import Caller
from ragkeeper.quality.evaluation.models import Grades
from ragkeeper.retrieval.models import SearchRequest, SearchResult

Questions: TypeAlias = Callable[[], tuple[Mapping[str, str], Mapping[str, Grades]]]
"""The texts of the questions and what was judged of each, by their ids; may read files. Raises RagkeeperError."""


class Search(Protocol):
    async def search(self, caller: Caller, request: SearchRequest) -> SearchResult: ...
