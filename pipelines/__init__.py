"""Stages composed: the catalogue, recipes, the runner, the command line and the report."""
