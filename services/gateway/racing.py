"""Runs coroutines side by side until the first of them ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def first_of(**coroutines: Coroutine[Any, Any, None]) -> None:
    """Return, or raise, with the first that ends; the others have been cancelled and awaited by then. The keywords
    name the tasks."""
    tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in coroutines.items()]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
