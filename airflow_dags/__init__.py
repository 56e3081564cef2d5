"""One Airflow DAG per recipe, made from the recipe (docs/airflow.md)."""
