import asyncio

from ragkeeper.core.unaided import is_unaided, unaided


async def test_it_holds_in_the_block_and_in_tasks_begun_there() -> None:
    async def asked() -> bool:
        return is_unaided()

    with unaided():
        inside = asyncio.create_task(asked())
        with unaided(wanted=False):
            assert not is_unaided()
        assert is_unaided()
    assert not is_unaided()
    assert await inside
