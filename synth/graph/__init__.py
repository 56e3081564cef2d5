"""Knowledge graphs: read, cleaned, named, and held in memory."""
