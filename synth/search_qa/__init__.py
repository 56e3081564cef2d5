"""Multi-hop questions, proved on a knowledge graph."""
