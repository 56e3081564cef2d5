"""ingest-forge: issues, pull requests, reviews and commits, of git histories, API dumps and rows of issues with patches."""
