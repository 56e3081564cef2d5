"""Removing documents that say the same: exact copies and verified near-duplicates."""
