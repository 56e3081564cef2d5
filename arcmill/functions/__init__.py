"""Functions that models call: their schemas made normal, arguments checked against them, calls compared."""
