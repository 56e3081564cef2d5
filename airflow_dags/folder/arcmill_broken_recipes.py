"""A file for a dags folder, beside arcmill_recipes.py: recipes that cannot be an Airflow DAG, told as its import error."""

from airflow_dags.recipes import refuse_broken

refuse_broken()
