"""Tools for agents, over the Model Context Protocol (MCP): https://modelcontextprotocol.io/specification.

The protocol itself is that of the official SDK (extra `mcp`), which alone is imported by `protocol`.
"""

NO_MCP = "WITHTHIS_MCP needs a package that is not installed. Run: pip install 'withthis[mcp]'."
