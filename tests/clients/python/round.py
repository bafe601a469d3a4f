"""One session of the official Python client in the era MBMCP_ERA: lists the tools, makes the calls
of the job on standard input, {calls: [{tool, arguments}], prefix}, looks at resources and prompts,
completes the prefix, and prints what it saw."""

import asyncio
import json
import os
import sys

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import ResourceTemplateReference


async def main():
    job = json.load(sys.stdin)
    http = create_mcp_http_client(headers={"Authorization": f"Bearer {os.environ['MBMCP_KEY']}"})
    mode = "auto" if os.environ["MBMCP_ERA"] == "modern" else "legacy"
    results = []
    async with http, Client(
        streamable_http_client(os.environ["MBMCP_URL"], http_client=http), mode=mode
    ) as client:
        # From here on the client checks structured results against the output schemas.
        tools = await client.list_tools()
        for step in job["calls"]:
            result = await client.call_tool(step["tool"], step["arguments"])
            results.append(result.model_dump(mode="json", by_alias=True, exclude_none=True))
        resources = (await client.list_resources()).resources
        last = await client.read_resource(resources[-1].uri) if resources else None
        prompts = (await client.list_prompts()).prompts
        template = ResourceTemplateReference(type="ref/resource", uri="memory-bank://{+path}")
        completed = await client.complete(template, {"name": "path", "value": job["prefix"]})
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
