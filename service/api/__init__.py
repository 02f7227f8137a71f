"""HTTP only: controllers, schemas, problem+json. What a search *is* stands in `service.search`."""
