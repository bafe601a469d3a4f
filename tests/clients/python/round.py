"""One session of the official Python client: lists the tools, then calls those of the job on
standard input, [{tool, arguments}], then looks at resources and prompts, and prints what it saw."""

import asyncio
import json
import os
import sys
import time

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import ResourceTemplateReference


async def main():
    job = json.load(sys.stdin)
    ended = []

    async def note_the_end(response):
        if response.request.method == "DELETE":
            ended.append(response.status_code)

    http = create_mcp_http_client(headers={"Authorization": f"Bearer {os.environ['MBMCP_KEY']}"})
    http.event_hooks["response"].append(note_the_end)
    results = []
    async with http, Client(
        streamable_http_client(os.environ["MBMCP_URL"], http_client=http)
    ) as client:
        # From here on the client checks structured results against the output schemas.
        tools = await client.list_tools()
        for step in job:
            started = time.perf_counter()
            result = await client.call_tool(step["tool"], step["arguments"])
            spent = (time.perf_counter() - started) * 1000
            plain = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            results.append({**plain, "milliseconds": spent})
        resources = (await client.list_resources()).resources
        last = await client.read_resource(resources[-1].uri) if resources else None
        prompts = (await client.list_prompts()).prompts
        template = ResourceTemplateReference(type="ref/resource", uri="memory-bank://{+path}")
        completed = await client.complete(template, {"name": "path", "value": ""})
    # A client of the modern era opens no session, and has none to end.
    if ended not in ([], [204]):
        raise SystemExit(f"the session's end was answered by {ended}")
    print(
        json.dumps(
            {
                "tools": [tool.name for tool in tools.tools],
                "results": results,
                "resources": [str(resource.uri) for resource in resources],
                "last": last.contents[0].text if last else None,
                "prompts": [prompt.name for prompt in prompts],
                "completed": completed.completion.values,
            }
        )
    )


asyncio.run(main())
