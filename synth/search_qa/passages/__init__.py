"""Passages of pages made into questions: the thing they are about masked, their details made vaguer, for a person to decide."""
