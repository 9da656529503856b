"""A process with one durable job of three steps, which kills itself inside the step that it is told.

    python tests/faults/job_child.py FOLDER STEP

Every step writes its name to FOLDER/steps when it is done. STEP `none`: the process ends when the job has.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from dbos import DBOS

from ragkeeper.jobs.dbos_engine import DbosEngine
from ragkeeper.jobs.port import JobRun, Json
from tests.waiting import ended

STEPS = ("list", "take", "remove")


async def main(folder: Path, deadly: str) -> None:
    engine = DbosEngine(f"sqlite:///{folder / 'jobs.db'}", lambda: DBOS)

    async def handler(run: JobRun, argument: Json) -> Json:
        return [await run.step(name, lambda name=name: step(name)) for name in STEPS]

    async def step(name: str) -> Json:
        if name == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        with (folder / "steps").open("a") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())
        return name.upper()

    engine.handle("sync", handler)
    await engine.submit("sync", None, job_id="the-job")
    job = await ended(engine, "the-job")
    sys.stdout.write(f"{job.state} {job.result}\n")
    await engine.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
