"""Judges of trajectories: replay, state, what was told, policy, arguments, and a panel of models for the rest."""
