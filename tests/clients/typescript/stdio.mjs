// One session of the official TypeScript client over standard input and output: starts the program
// that the arguments name, writes, reads, searches, lists resources, completes, and prints what it
// saw. Run where its node_modules are.
import { createRequire } from "node:module";

const installed = createRequire(`${process.cwd()}/`);
const { Client } = installed("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = installed("@modelcontextprotocol/sdk/client/stdio.js");

const [command, ...args] = process.argv.slice(2);
const transport = new StdioClientTransport({ command, args, env: process.env });
const client = new Client({ name: "typescript-stdio-test", version: "1" });
const errors = [];
client.onerror = (error) => errors.push(String(error));
await client.connect(transport);
const pid = transport.pid;

// From here on the client checks structured results against the output schemas.
const { tools } = await client.listTools();
const call = async (name, given) => (await client.callTool({ name, arguments: given })).structuredContent;
const content = "# Decisions\n\nThe zebra crossing is painted on Fridays.\n";
const written = await call("write_memory_bank_file", { filename: "decisions.md", content });
const [read, found] = await Promise.all([
  call("read_memory_bank_file", { filename: "decisions.md" }),
  call("search_memory_bank", { query: "zebra" }),
]);
const { resources } = await client.listResources();
const { completion } = await client.complete({
  ref: { type: "ref/resource", uri: "memory-bank://{+path}" },
  argument: { name: "path", value: "dec" },
});
const started = performance.now();
await client.close();
const closed = performance.now() - started;
let running = true;
try {
  process.kill(pid, 0);
} catch {
  running = false;
}
console.log(JSON.stringify({
  tools: tools.map((tool) => tool.name),
  written,
  read,
  found,
  resources: resources.map((resource) => resource.uri),
  completed: completion.values,
  closed,
  running,
  errors,
}));
