"""The commands of `arcmill`, a file each; `pipelines.cli` puts them together. What they do is imported when they run."""
