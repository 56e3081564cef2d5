"""The counter of benchmarks/agent_loop.py as a taskset of verifiers 0.4: one tool server for all, a state for each rollout."""

import verifiers.v1 as vf

SYSTEM = "You keep a counter. Use the tool to add to it, and say the total when you are asked for it."
PROMPT = (
    "Please add the numbers that I think of, one after the other, and then tell me the total. This is request {number}."
)


class CounterState(vf.State):
    total: int = 0
    notes: tuple[str, ...] = ()


class CounterTools(vf.Toolset[vf.SharedToolsetConfig, CounterState]):
    TOOL_PREFIX = None

    @vf.tool
    async def add(self, number: int, note: str) -> dict:
        """Add a number to the counter."""
        self.state.total += number
        self.state.notes = (*self.state.notes, note)
        return {"total": self.state.total, "note": note}


class CounterData(vf.TaskData):
    pass


class CounterTask(vf.Task[CounterData, CounterState]):
    pass


class CounterConfig(vf.TasksetConfig):
    count: int = 64
    tools: vf.SharedToolsetConfig = vf.SharedToolsetConfig()


class Counter(vf.Taskset[CounterTask, CounterConfig]):
    def load(self):
        for number in range(self.config.count):
            data = CounterData(prompt=PROMPT.format(number=number), system_prompt=SYSTEM)
            yield CounterTask(data, self.config.task)

    @classmethod
    def toolsets(cls, config):
        return [CounterTools(config.tools)]


__all__ = ["Counter"]

if __name__ == "__main__":
    CounterTools.run()
