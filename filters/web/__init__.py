"""`filter-web`: every heuristic for web text over ONE shared analysis of the text.

To add a rule: write `filters/web/<rule>.py` with a settings model and `rule(settings)`, which returns a function
`Analysis -> Outcome | None`; then name it in `filters/web/stage.py`.
"""
