"""The loop of a generation stage: many rows at once, written in their order, taken up from the journal after a kill.

There is no barrier: rows of all tasks form one stream, and a new one begins whenever the servers have room, so a few long
answers never leave them idle. A task's rows are written as soon as all before them are; the memory is bounded by the rows
that may be open or finished out of order.
"""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any

from arcmill.dataset import read_part
from arcmill.engines.inputs import input_parts, stage_state
from arcmill.engines.llm.link import LOST, Link, failure, opened
from arcmill.engines.llm.settings import LlmSettings, llm_settings
from arcmill.engines.memory import peak_memory, reset_peak_memory
from arcmill.errors import ArcmillError, EngineError, UsageError
from arcmill.execute import finished_task
from arcmill.generation import Answer, Choice, Made, Request, RequestFailed, Work
from arcmill.identity import Job
from arcmill.parts import TaskWriter
from arcmill.progress import Progress
from arcmill.records import ToolCall, batch_to_rows, rows_to_batch
from arcmill.stage import Outcome
from arcmill.storage import is_local, locate, no_space

OPEN_ROWS = 20_000  # rows begun and not yet written
FIRST_AHEAD = 128  # requests that may be asked before the gateway has said how many it can use
SHOW_SECONDS = 0.5  # between two looks at the progress
LOSSES = 5  # times the gateway may die without an answer in between


@dataclass(eq=False)
class Row:
    """One input row under way: its core, and the results of its step that are still awaited."""

    task: Task
    number: int
    id: str
    core: Generator[Any, Any, Any] | None = None
    results: list[Any] = field(default_factory=list)
    missing: int = 0
    tallies: Counter[str] = field(default_factory=Counter)
    above: tuple[Row, int] | None = None  # of a branch: the row whose step holds it, and its place there


@dataclass(eq=False)
class Task:
    """Consecutive rows of one part: one unit that is finished, or done again."""

    number: int
    part: int
    start: int
    stop: int
    finished: dict[int, tuple[Row, Any]] = field(default_factory=dict)
    written: int = 0
    retry: int = 0  # rows that failed at the server: they are tried again by the next run
    writer: TaskWriter | None = None


def row_tasks(job: Job) -> list[Task]:
    """Runs of rows, decided by the input alone: about 64 of them, or of 4,096 rows each."""
    parts = input_parts(job, job.stage.main_input or "")
    size = min(max(sum(part["rows"] for _, part in parts) // 64, 64), 4096)
    tasks: list[Task] = []
    for number, (_, part) in enumerate(parts):
        for start in range(0, part["rows"], size):
            tasks.append(Task(len(tasks), number, start, min(start + size, part["rows"])))
    return tasks


def run(job: Job, progress: Progress) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run a generation stage. Returns the task records in order, and the statistics."""
    tasks = row_tasks(job)
    records = [finished_task(job.staging, task.number) for task in tasks]
    todo = [task for task, record in zip(tasks, records, strict=True) if record is None or record.get("retry")]
    loop = Loop(job, progress, todo, sum(task.stop - task.start for task in tasks))
    for record in records:
        if record and not record.get("retry"):
            loop.counts.update(record["counts"])
    loop.run()
    done = [finished_task(job.staging, task.number) for task in tasks]
    if None in done:
        raise EngineError(f"{job.stage.name}: task {done.index(None)} ended without a record")
    tallies: Counter[str] = Counter()
    for record in done:
        tallies.update((record or {}).get("tallies", {}))
    return [record for record in done if record], {
        "statistics": dict(sorted(tallies.items())), "metrics": {"llm": loop.figures} if loop.figures else {},
    }  # fmt: skip


class Loop:
    """Rows in, requests out, answers in, rows out: one thread, which never waits for anything but events."""

    def __init__(self, job: Job, progress: Progress, todo: list[Task], rows: int) -> None:
        self.job, self.progress, self.todo, self.rows = job, progress, todo, rows
        self.settings: LlmSettings = llm_settings(job.settings)
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.link: Link | None = None
        self.counts: Counter[str] = Counter()
        self.figures: dict[str, Any] = {}
        self._asked: dict[int, tuple[Row, int, dict[str, Any]]] = {}
        self._working: dict[int, tuple[Row, int]] = {}
        self._number = 0
        self._ahead = FIRST_AHEAD
        self._outbox: list[dict[str, Any]] = []
        self._open = 0  # rows begun and not yet written
        self._live = 0  # rows begun whose core has not ended
        limit = job.stage.open_rows(job.config) if job.stage.open_rows is not None else None
        self._most_live = OPEN_ROWS if limit is None else max(limit, 1)
        self._losses = 0
        self._status: dict[str, Any] = {}
        self._said = 0.0
        self._started = time.monotonic()
        self._begun_with = 0
        self._pool = ThreadPoolExecutor(max(2, job.workers), thread_name_prefix="work")
        self._state = stage_state(job) if todo else ()

    def run(self) -> None:
        """All rows of all unfinished tasks. Whatever ends it early leaves finished tasks and the journal behind."""
        reset_peak_memory()
        self._begun_with = self.counts["in"]
        rows = self._read()
        more = True
        try:
            while True:
                while more and self._room():
                    row = next(rows, None)
                    if row is None:
                        more = False
                        break
                    self._begin(*row)
                if not more and not self._open:
                    break
                self._flush()
                self._show()
                if self._open:
                    self._event(self.events.get())
                while not self.events.empty():
                    self._event(self.events.get())
            self._close()
        except BaseException:
            if self.link is not None:
                self.link.close()
            raise
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for task in self.todo:
                if task.writer is not None:
                    task.writer.__exit__()

    def _room(self) -> bool:
        return (
            len(self._asked) < self._ahead
            and len(self._working) < 4 * self._pool._max_workers
            and self._open < OPEN_ROWS
            and self._live < self._most_live
        )

    def _read(self) -> Iterator[tuple[Task, int, Any]]:
        """(task, number in it, row) of every unfinished task, in order, each part read once."""
        parts = input_parts(self.job, self.job.stage.main_input or "")
        record = self.job.stage.record_of(self.job.stage.main_input or "")
        by_part: dict[int, list[Task]] = {}
        for task in self.todo:
            by_part.setdefault(task.part, []).append(task)
        for number, tasks in by_part.items():
            dataset, part = parts[number]
            position = 0
            for batch in read_part(dataset, part["path"]):
                for task in tasks:
                    start, stop = max(task.start - position, 0), min(task.stop - position, batch.num_rows)
                    if start < stop:
                        for place, row in enumerate(batch_to_rows(record, batch.slice(start, stop - start))):
                            yield task, position + start + place - task.start, row
                position += batch.num_rows

    # -- one row -----------------------------------------------------------------------------------------------

    def _begin(self, task: Task, number: int, record: Any) -> None:
        row = Row(task, number, record.id)
        self._open += 1
        self._live += 1
        if task.writer is None:
            job = self.job
            task.writer = TaskWriter(job.staging, task.number, job.schema, job.config.part_bytes)
        try:
            made = self.job.stage.core(record, self.job.config, *self._state)
        except Exception as error:
            self._broken(row, error)
            return
        if isinstance(made, GeneratorType):
            row.core = made
            self._advance(row, None)
        else:
            self._finish(row, made)

    def _advance(self, row: Row, value: Any, error: BaseException | None = None) -> None:
        assert row.core is not None
        while True:
            try:
                step = row.core.throw(error) if error is not None else row.core.send(value)
            except StopIteration as end:
                self._ended(row, end.value)
                return
            except Exception as problem:
                self._broken(row, problem)
                return
            if step:
                break
            value, error = [], None
        row.results, row.missing = [None] * len(step), len(step)
        for place, wanted in enumerate(step):
            self._number += 1
            if isinstance(wanted, Work):
                self._working[self._number] = (row, place)
                future = self._pool.submit(wanted.function, *wanted.arguments)
                future.add_done_callback(self._worked(self._number))
            elif isinstance(wanted, GeneratorType):
                self._advance(Row(row.task, row.number, row.id, wanted, tallies=row.tallies, above=(row, place)), None)
            else:
                self._ask(self._number, row, place, wanted)

    def _ask(self, number: int, row: Row, place: int, wanted: Request) -> None:
        message = {"ask": number, "group": row.id, "body": dict(wanted.body)}
        self._asked[number] = (row, place, message)
        if self.link is None:
            self._connect()
        self._outbox.append(message)

    def _worked(self, number: int) -> Any:
        def tell(future: Future[Any]) -> None:
            if not future.cancelled():
                error = future.exception()
                self.events.put({"worked": number, "value": None if error else future.result(), "error": error})

        return tell

    def _broken(self, row: Row, error: Exception) -> None:
        if isinstance(error, ArcmillError | MemoryError) or no_space(error):
            raise error
        if row.above is not None:
            self._settle(*row.above, error)
        elif isinstance(error, RequestFailed):
            row.task.retry += 1
            self._finish(row, Outcome(error.rule, "errored", detail=error.detail))
        else:
            self._finish(row, Outcome("exception", "errored", detail=f"{type(error).__name__}: {error}"))

    def _ended(self, row: Row, made: Any) -> None:
        if row.above is None:
            self._finish(row, made)
        else:
            self._settle(*row.above, made)

    def _finish(self, row: Row, made: Any) -> None:
        task = row.task
        self._live -= 1
        task.finished[row.number] = (row, made)
        while task.written in task.finished:
            self._write(task, *task.finished.pop(task.written))
            task.written += 1
            self._open -= 1
        if task.written == task.stop - task.start:
            assert task.writer is not None
            facts = {"retry": task.retry} if task.retry else {}
            task.writer.commit(cpu_seconds=0.0, peak_memory_bytes=peak_memory(), **facts)
            task.writer = None

    def _write(self, task: Task, row: Row, made: Any) -> None:
        job, writer = self.job, task.writer
        assert writer is not None
        writer.counts["in"] += 1
        self.counts["in"] += 1
        writer.tallies.update(row.tallies)
        if isinstance(made, Made):
            writer.tallies.update(made.tallies)
            made = made.rows
        if not isinstance(made, Outcome):
            rows = list(made) if isinstance(made, list | tuple) else [made]
            if not job.stage.makes and (len(rows) != 1 or rows[0].id != row.id):
                raise EngineError(f"{job.stage.name}: the core gave {len(rows)} rows for {row.id}, not that row")
            try:
                batch = rows_to_batch(job.record, rows)
            except (UnicodeEncodeError, ValueError, TypeError, AttributeError, OverflowError) as error:
                detail = f"{type(error).__name__}: {error}"
                made = Outcome(f"not-a-{job.record.lower()}", "errored", detail=detail)
            else:
                writer.rows(batch)
                kinds = Counter({"kept": 1, "created": len(rows)} if job.stage.makes else {"kept": 1})
                writer.counts.update(kinds)
                self.counts.update(kinds)
                return
        writer.ledger([(row.id, made)])
        self.counts[made.outcome] += 1

    # -- the gateway -------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        from arcmill.generation import GenerationConfig

        config = self.job.config
        if not isinstance(config, GenerationConfig):
            raise EngineError(f"{self.job.stage.name}: its config is no GenerationConfig, but it asks a model")

        def waiting(seconds: float) -> None:
            note = f"opening {config.model} ({_clock(seconds)})"
            self.progress.update(self.counts["in"], self.rows, None, note, unit="rows")

        waiting(0.0)
        self.link, _ = opened(self.events, self.settings, config.model, self._journal(), waiting)

    def _journal(self) -> str:
        if self.settings.journal:
            return self.settings.journal
        filesystem, path = locate(self.job.staging)
        if not is_local(filesystem):
            raise UsageError(
                "the journal of a generation stage is a local folder, and the output is not local: name one that outlives this "
                "machine's failure, with --set llm.journal=PATH"
            )
        # Beside the dataset, not in it: its bytes depend on the order in which answers came.
        return path.rpartition("/")[0] + ".journal"

    def _flush(self) -> None:
        if self._outbox and self.link is not None:
            self.link.send(self._outbox)
            self._outbox = []

    def _event(self, event: dict[str, Any]) -> None:
        if "answer" in event:
            self._losses = 0
            self._arrived(event["answer"], _answer(event["value"]))
        elif "failed" in event:
            self._arrived(event["failed"], RequestFailed(event["rule"], event["detail"]))
        elif "worked" in event:
            row, place = self._working.pop(event["worked"])
            self._settle(row, place, event["error"] or event["value"])
        elif "status" in event:
            self._status = event["status"]
            self._ahead = max(FIRST_AHEAD, 2 * self._status["limit"] + 64)
        elif "fatal" in event:
            raise failure(event)
        elif event is LOST:
            self._lost()

    def _arrived(self, number: int, result: Any) -> None:
        found = self._asked.pop(number, None)
        if found is None:
            return  # asked twice, because the gateway had died
        row, place, _ = found
        if isinstance(result, Answer):
            row.tallies["requests"] += 1
            row.tallies["prompt_tokens"] += result.prompt_tokens
            row.tallies["completion_tokens"] += result.completion_tokens
        self._settle(row, place, result)

    def _settle(self, row: Row, place: int, result: Any) -> None:
        row.results[place] = result
        row.missing -= 1
        if row.missing:
            return
        failed = next((result for result in row.results if isinstance(result, Exception)), None)
        if failed is None:
            self._advance(row, row.results)
            return
        if isinstance(failed, RequestFailed):
            failed.results = row.results
        self._advance(row, None, failed)

    def _lost(self) -> None:
        """The gateway died: what it had answered stands in the journal, the rest is asked again."""
        assert self.link is not None
        self._losses += 1
        if self._losses > LOSSES:
            raise EngineError(f"the LLM gateway died {self._losses} times: {self.link.last_words()}")
        self.link.close()
        self._outbox = []
        self._connect()
        self._outbox = [message for _, _, message in self._asked.values()]

    def _close(self) -> None:
        if self.link is None:
            return
        self.link.send([{"close": True}])
        while True:
            event = self.events.get()
            if "closed" in event:
                self.figures = event["closed"]
                return
            if event is LOST:
                return

    def _show(self) -> None:
        """Tokens/s, requests, yield so far, cost of an accepted row, time left."""
        if time.monotonic() - self._said < SHOW_SECONDS:
            return
        self._said = time.monotonic()
        status, counts = self._status, self.counts
        done = counts["in"]
        notes = []
        if status:
            asked = status["answered"] + status["replayed"]
            notes.append(
                f"{status['tokens_per_second']:,.0f} tok/s, {asked:,} requests, {status['in_flight']} under way"
            )
        accepted = counts["created"] if self.job.stage.makes else counts["kept"]
        if done:
            told = "" if self.job.stage.makes else f" (yield {accepted / done:.0%})"
            notes.append(f"{accepted:,} rows out{told}")
        if accepted and status:
            notes.append(f"{status['completion_tokens'] / accepted:,.0f} tok a row")
        if fresh := done - self._begun_with:
            notes.append(f"{_clock((self.rows - done) * (time.monotonic() - self._started) / fresh)} left")
        note = ", ".join(notes) + (f"; {status['trouble']}" if status.get("trouble") else "")
        self.progress.update(done, self.rows, None, note, unit="rows")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _answer(value: dict[str, Any]) -> Answer:
    choices = tuple(
        Choice(
            choice["text"], choice.get("reasoning"), tuple(ToolCall(**call) for call in choice.get("tool_calls", ())),
            choice.get("finish"), choice.get("logprobs"),
        )
        for choice in value["choices"]
    )  # fmt: skip
    return Answer(choices, value["prompt_tokens"], value["completion_tokens"], value.get("seconds", 0.0))
