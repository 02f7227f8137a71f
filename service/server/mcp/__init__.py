"""Tools for agents, over the Model Context Protocol (MCP): https://modelcontextprotocol.io/specification.

The protocol itself is that of the official SDK (extra `mcp`), which alone is imported by `protocol`.
"""
