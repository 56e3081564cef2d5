"""Decontamination: texts of benchmarks, found in documents and taken out."""
