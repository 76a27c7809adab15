"""The bare minimum of a REST service, for comparison: FastAPI parses a body, checks its shape and sends it back.

python -m bench.echo PORT
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Submission(BaseModel):
    kind: str
    input: dict[str, object]


app = FastAPI()


@app.post("/jobs")
async def echo(submission: Submission) -> Submission:
    return submission


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
