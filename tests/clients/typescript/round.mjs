// One session of an official client, MBMCP_CLIENT, in the era MBMCP_ERA: lists the tools, makes the
// calls of the job on standard input, {calls: [{tool, arguments}], prefix}, looks at resources and
// prompts, completes the prefix, and prints what it saw. Run where its node_modules are.
import { createRequire } from "node:module";
import { json } from "node:stream/consumers";

const installed = createRequire(`${process.cwd()}/`);
const { MBMCP_CLIENT, MBMCP_ERA, MBMCP_KEY, MBMCP_URL } = process.env;
const modern = MBMCP_ERA === "modern";
const info = { name: "typescript-test", version: "1" };
const withKey = { requestInit: { headers: { "X-API-Key": MBMCP_KEY } } };

const clients = {
  // The legacy line knows one era.
  "@modelcontextprotocol/sdk"() {
    const { Client } = installed("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = installed("@modelcontextprotocol/sdk/client/streamableHttp.js");
    return [new Client(info), new StreamableHTTPClientTransport(new URL(MBMCP_URL), withKey)];
  },
  "@modelcontextprotocol/client"() {
    const { Client, StreamableHTTPClientTransport } = installed("@modelcontextprotocol/client");
    const versionNegotiation = { mode: modern ? { pin: "2026-07-28" } : "legacy" };
    const client = new Client(info, { versionNegotiation });
    return [client, new StreamableHTTPClientTransport(new URL(MBMCP_URL), withKey)];
  },
  // A program that a client starts; it keeps its state below HOME.
  "mcp-remote"() {
    const { Client } = installed("@modelcontextprotocol/sdk/client/index.js");
    const { StdioClientTransport } = installed("@modelcontextprotocol/sdk/client/stdio.js");
    const proxy = installed.resolve("mcp-remote/dist/proxy.js");
    const era = modern ? ["--protocol", "auto"] : [];
    const args = [proxy, MBMCP_URL, "--header", `X-API-Key:${MBMCP_KEY}`, ...era];
    return [new Client(info), new StdioClientTransport({ command: process.execPath, args })];
  },
};

const job = await json(process.stdin);
const [client, transport] = clients[MBMCP_CLIENT]();
await client.connect(transport);

// From here on the client checks structured results against the output schemas.
const { tools } = await client.listTools();
const results = [];
for (const { tool, arguments: given } of job.calls) {
  results.push(await client.callTool({ name: tool, arguments: given }));
}
const { resources } = await client.listResources();
const read = resources.length > 0 ? await client.readResource({ uri: resources.at(-1).uri }) : null;
const { prompts } = await client.listPrompts();
const { completion } = await client.complete({
  ref: { type: "ref/resource", uri: "memory-bank://{+path}" },
  argument: { name: "path", value: job.prefix },
});
if (transport.sessionId) await transport.terminateSession();
await client.close();
console.log(JSON.stringify({
  tools: tools.map((tool) => tool.name),
  results,
  resources: resources.map((resource) => resource.uri),
  last: read?.contents[0].text ?? null,
  prompts: prompts.map((prompt) => prompt.name),
  completed: completion.values,
}));
