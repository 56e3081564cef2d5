"""Stages that decide which documents stay: language, web heuristics, quality."""
