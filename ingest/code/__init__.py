"""ingest-code: repositories, source archives and source trees to Documents, and what a source file is."""
