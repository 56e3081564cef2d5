"""Which kind of engine a step runs on, and so which pool and resources its task takes."""

from __future__ import annotations

from pipelines.recipe import Recipe, Step
from pipelines.scheduling import Kind, Resources


def kind_of(recipe: Recipe, step: Step) -> Kind:
    """gpu for what starts a model's server or computes on CUDA, spark for Spark's stages, else cpu. The recipe may say otherwise.

    A stage that asks a model elsewhere (`llm.endpoint`) needs no GPU of its own.
    """
    own = recipe.airflow.steps.get(step.name)
    if own is not None and own.kind is not None:
        return own.kind
    if step.stage.engine == "spark":
        return "spark"
    serves = step.stage.engine == "vllm" and not recipe.settings.get("llm.endpoint")
    return "gpu" if serves or str(getattr(step.config, "device", "")).startswith("cuda") else "cpu"


def resources_of(recipe: Recipe, step: Step) -> Resources:
    """What the step's task takes."""
    return recipe.airflow.of(step.name, kind_of(recipe, step))
