"""Agent data: tools, environments, tasks, trajectories, the user simulator, judges."""
