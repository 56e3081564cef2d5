"""Recipes as package data: YAML only."""
