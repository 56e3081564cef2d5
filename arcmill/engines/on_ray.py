"""Tasks of the datatrove engine as tasks of Ray. Workers need arcmill installed, and must see the staging folder."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.engines.placement import RaySettings
from arcmill.errors import ArcmillError, EngineError, UsageError

if TYPE_CHECKING:
    from arcmill.engines.part_task import PartTask


def finish(step: PartTask, todo: Sequence[int], settings: RaySettings) -> Iterator[int]:
    """Run the tasks and yield each as it finishes. A task whose worker died is run again by Ray."""
    try:
        import ray
    except ImportError:
        raise UsageError("datatrove.executor=ray needs Ray; mend it with: pip install 'ray>=2.9'") from None
    if not ray.is_initialized():
        here: dict[str, Any] = {"num_cpus": step.job.workers, "include_dashboard": False}
        where = {"address": settings.address} if settings.address else here
        ray.init(log_to_driver=False, logging_level="ERROR", **where)
    run: Any = ray.remote(_run).options(
        num_cpus=settings.cpus, max_retries=settings.retries,
        **({"memory": settings.memory} if settings.memory else {}),
    )  # fmt: skip
    work = ray.put(pickle.dumps(step))
    pending = {run.remote(work, task): task for task in todo}
    try:
        while pending:
            for done in ray.wait(list(pending), num_returns=1)[0]:
                task = pending.pop(done)
                error: ArcmillError | None = ray.get(done)
                if error is not None:
                    raise error
                yield task
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"{step.job.stage.name}: Ray failed ({type(error).__name__}: {' '.join(str(error).split())[:200]}); finished tasks are kept"
        ) from None
    finally:
        for left in pending:
            ray.cancel(left, force=True)


_known: dict[bytes, Any] = {}


def _run(work: bytes, task: int) -> ArcmillError | None:
    """One task in a worker of Ray. Errors are returned: raised, they would come back as Ray's own, pages long."""
    from hashlib import sha256

    from arcmill.engines.datatrove import rank_runner

    key = sha256(work).digest()
    if key not in _known:
        _known.clear()
        _known[key] = rank_runner(pickle.loads(work))
    try:
        _known[key](task)
    except ArcmillError as error:
        return error
    except Exception as error:
        return EngineError(f"{type(error).__name__}: {error}")
    return None
