"""`filter-code`: heuristics for source code over one shared analysis of the text.

To add a rule: write `filters/code/<rule>.py` with a settings model and `rule(settings)`, which returns a function
`Analysis -> Outcome | None`; then name it in `filters/code/stage.py`.
"""
