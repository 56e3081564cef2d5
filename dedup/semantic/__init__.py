"""Duplicates in meaning: document vectors (embed), and SemDeDup over them (dedup-semantic)."""
