"""What a replica knows of the kinds that the mesh serves."""

import asyncio

from services.orchestrator.plan.catalogue import Catalogue
from tutti.v1 import scheduler_pb2


class Store:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0

    async def read(self) -> list[scheduler_pb2.KindInfo]:
        self.asked += 1
        await self.open.wait()
        return [scheduler_pb2.KindInfo(kind="test.echo")]


async def test_all_who_miss_a_kind_at_once_wait_for_the_same_answer() -> None:
    store = Store()
    catalogue = Catalogue(store.read)

    async def knows() -> bool:
        await catalogue.learn(["test.echo"])
        return "test.echo" in catalogue.kinds

    asking = [asyncio.create_task(knows()) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    store.open.set()

    assert await asyncio.gather(*asking) == [True, True, True]
    assert store.asked == 1


async def test_nonsense_is_not_asked_for_again_and_again() -> None:
    store = Store()
    store.open.set()
    catalogue = Catalogue(store.read)
    for _ in range(100):
        await catalogue.learn(["test.nonsense"])
    assert store.asked == 1
