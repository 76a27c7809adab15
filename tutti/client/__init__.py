"""The SDK: submit jobs, follow them to their end, look at and cancel them. Async and typed; what the CLI itself uses.

    async with Client(["127.0.0.1:7100"]) as client:
        job_id = await client.submit(music("a chill lo-fi beat, 90 bpm, piano", duration=30))
        async for event in client.watch(job_id):
            print(event)

Concurrent `submit` calls travel together, and a submission that has to be repeated returns the job of the first try.
Errors are those of `tutti.errors`; messages are those of `tutti.v1`.
"""

from tutti.client.client import Client
from tutti.client.download import download
from tutti.client.specs import music, plan, step, task

__all__ = ["Client", "download", "music", "plan", "step", "task"]
