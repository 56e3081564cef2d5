"""Documents of OpenAPI 2 (Swagger), 3.0 and 3.1 as tools, an operation each."""
