// One session of the official TypeScript client: lists the tools, then calls those of the job on
// standard input, [{tool, arguments}], then looks at resources and prompts, and prints what it saw.
// Run where its node_modules are.
import { createRequire } from "node:module";
import { json } from "node:stream/consumers";

const installed = createRequire(`${process.cwd()}/`);
const { Client } = installed("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = installed("@modelcontextprotocol/sdk/client/streamableHttp.js");

const job = await json(process.stdin);
const transport = new StreamableHTTPClientTransport(new URL(process.env.MBMCP_URL), {
  requestInit: { headers: { "X-API-Key": process.env.MBMCP_KEY } },
});
const client = new Client({ name: "typescript-test", version: "1" });
await client.connect(transport);
if (!transport.sessionId) throw new Error("the server opened no session");

// From here on the client checks structured results against the output schemas.
const { tools } = await client.listTools();
const results = [];
for (const { tool, arguments: given } of job) {
  const started = performance.now();
  const result = await client.callTool({ name: tool, arguments: given });
  results.push({ ...result, milliseconds: performance.now() - started });
}
const { resources } = await client.listResources();
const read = resources.length > 0 ? await client.readResource({ uri: resources.at(-1).uri }) : null;
const { prompts } = await client.listPrompts();
const { completion } = await client.complete({
  ref: { type: "ref/resource", uri: "memory-bank://{+path}" },
  argument: { name: "path", value: "" },
});
await transport.terminateSession();
await client.close();
console.log(JSON.stringify({
  tools: tools.map((tool) => tool.name),
  results,
  resources: resources.map((resource) => resource.uri),
  last: read?.contents[0].text ?? null,
  prompts: prompts.map((prompt) => prompt.name),
  completed: completion.values,
}));
