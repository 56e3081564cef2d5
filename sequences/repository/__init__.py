"""Whole repositories as contexts: files in the order of their imports, issues with what closed them."""
