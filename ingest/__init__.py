"""Raw sources to documents: web archives and HTML, text tables, repositories, issues and pull requests."""
