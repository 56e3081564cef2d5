"""Trajectories: an agent, its user and a world, played to an end."""
