"""What models that stand around another one have in common."""

from ragkeeper.providers.chat.port import ChatModel


class WrappedChat:
    """The part of the port that goes through unchanged; who wraps a model says what becomes of its calls."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def model(self) -> str:
        return self._model.model

    async def check(self) -> None:
        await self._model.check()

    async def close(self) -> None:
        await self._model.close()
