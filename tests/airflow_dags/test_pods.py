"""What a pod is given; the real Airflow makes one of it in test_airflow.py, where Kubernetes' provider is installed."""

from __future__ import annotations

from airflow_dags.pods import container_resources
from pipelines.scheduling import Resources


def test_memory_and_gpus_are_limits_and_cores_are_not() -> None:
    given = container_resources(Resources(workers=8, memory=4096, gpus=2))
    assert given["limits"] == {"memory": "4096Mi", "nvidia.com/gpu": "2"}
    assert given["requests"] == {"cpu": "8", "memory": "4096Mi", "nvidia.com/gpu": "2"}


def test_nothing_that_was_not_asked_for_is_given() -> None:
    assert container_resources(Resources(pool="gpu", slots=2)) == {}
    assert container_resources(Resources(workers=3)) == {"requests": {"cpu": "3"}}
    assert container_resources(Resources(gpus=0)) == {}
