"""`/admin/golden`: ask the golden questions now. For administrators."""

from fastapi import APIRouter

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.quality.golden.schemas import GoldenView
from ragkeeper.quality.golden.service import GoldenQuestions

PATH = "/admin/golden"


def golden_routes(golden: GoldenQuestions) -> APIRouter:
    router = APIRouter(tags=["administration"])

    @router.post(PATH)
    async def ask_golden_questions(caller: CurrentCaller) -> GoldenView:
        """Ask the golden questions of the documents as they are now; the figures become those of `/metrics`."""
        return GoldenView.of(await golden.ask(caller))

    return router
