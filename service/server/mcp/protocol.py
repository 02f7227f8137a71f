"""The tools as a server of the official SDK."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import mcp_types as types
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from pydantic_core import to_json

from service.server.mcp.tools import TOOLS, Shop, Tool
from service.server.problems import problem_of
from service.server.requests.validation import parse_body

ShopOf = Callable[[ServerRequestContext[Any, Any]], Shop]
"""The shop that a request is about."""

INSTRUCTIONS = "Products of a shop. Show their images by image_url. Ids and categories are those that answers have."


def new_server(version: str, shop_of: ShopOf) -> Server[Any]:
    """A server with all tools."""

    async def list_tools(
        _: ServerRequestContext[Any, Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS.values()])

    async def call_tool(
        context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            return _failed(f"There is no such tool. The tools are {', '.join(TOOLS)}.")
        return await _called(tool, shop_of(context), params.arguments or {})

    return Server(
        "withthis", version=version, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


async def _called(tool: Tool, shop: Shop, arguments: dict[str, Any]) -> types.CallToolResult:
    """The answer of a tool. What is wrong is told to the model, in fixed texts, so that it can put it right."""
    try:
        answer = await tool.run(shop, parse_body(tool.takes, to_json(arguments)))
    except Exception as error:  # the fault boundary of a tool
        problem = problem_of(error, "POST", f"/mcp {tool.name}")
        return _failed(_told(problem, error))
    content = answer.model_dump(mode="json", by_alias=True)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=content)


def _told(problem: dict[str, Any], error: Exception) -> str:
    places = [f"{place['pointer']}: {place['detail']}" for place in problem.get("errors", ())]
    places = [place for place in places if place not in problem["message"]]
    retry = getattr(error, "retry_after_s", None)
    waits = [f"Try again after {retry} seconds."] if retry is not None else []
    return "\n".join([problem["message"], *places, *waits])


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.takes.model_json_schema(),
        output_schema=tool.gives.model_json_schema(mode="serialization"),
        annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )
