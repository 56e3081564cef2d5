"""Pages re-parsed with their layout: code, tables and formulas as Markdown and LaTeX."""
