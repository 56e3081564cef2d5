"""build-graph: formats, cleaning, the installed packages."""
