"""A file for a dags folder: every recipe that can be an Airflow DAG. Copy it, link it, or name this folder as a bundle."""

from airflow_dags.recipes import recipe_dags

globals().update(recipe_dags())
