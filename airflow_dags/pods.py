"""What a task's pod is given, where Airflow runs tasks in pods of Kubernetes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from pipelines.scheduling import Resources

_GPU = "nvidia.com/gpu"  # what NVIDIA's device plugin calls one


def executor_config(resources: Resources) -> dict[str, Any]:
    """The operator's `executor_config`: cores, memory and GPUs of the pod. Empty where none are asked for, or no pods are made.

    It is the container `base` of the pod template that is given them; its image, volumes and service account stay the template's.
    """
    wanted = container_resources(resources)
    if not wanted or not _pods():
        return {}
    from kubernetes.client import models

    container = models.V1Container(name="base", resources=models.V1ResourceRequirements(**wanted))
    return {"pod_override": models.V1Pod(spec=models.V1PodSpec(containers=[container]))}


def container_resources(resources: Resources) -> dict[str, dict[str, str]]:
    """Requests and limits. Memory and GPUs are limits as well: a pod that takes more memory is ended. Cores may be exceeded."""
    requests = {"cpu": str(resources.workers)} if resources.workers else {}
    limits: dict[str, str] = {}
    if resources.memory:
        limits["memory"] = f"{resources.memory}Mi"
    if resources.gpus:
        limits[_GPU] = str(resources.gpus)
    named = {"requests": requests | limits, "limits": limits}
    return {name: values for name, values in named.items() if values}


def _pods() -> bool:
    """Whether the executor makes pods, and the provider that says so to Airflow is installed."""
    from airflow.sdk.configuration import conf

    if "KubernetesExecutor" not in str(conf.get("core", "executor")):
        return False
    try:
        return all(find_spec(name) is not None for name in ("kubernetes", "airflow.providers.cncf.kubernetes"))
    except ModuleNotFoundError:
        return False
