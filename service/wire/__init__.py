"""The JSON of requests and responses, as pydantic models that the server and the client share."""
