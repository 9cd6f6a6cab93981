// Writes src/contracts: types and routes of the services that the site calls, from their OpenAPI documents.
import { readFile, writeFile } from "node:fs/promises";
import openapi, { astToString } from "openapi-typescript";

const SERVICES = ["agent-core", "audio", "mcp-server", "projector", "search", "video"];
const METHODS = ["delete", "get", "patch", "post", "put"];
const HEAD = "// Written by `npm run contracts` from docs/api; do not edit.\n";

const target = new URL("../src/contracts/", import.meta.url);
const routes = [];
for (const service of SERVICES) {
  const document = JSON.parse(await readFile(new URL(`../../../docs/api/${service}.json`, import.meta.url), "utf8"));
  // Pages name what they are sent, and nothing else of a document.
  const types = astToString(await openapi({ ...document, paths: {} }, { alphabetize: true }));
  await writeFile(new URL(`${service}.ts`, target), `${HEAD}${types}`);
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const streams = item[method]?.responses?.["200"]?.content?.["text/event-stream"];
      if (item[method] && !streams) routes.push({ service, method: method.toUpperCase(), path });
    }
  }
}
routes.sort((one, other) => `${one.path} ${one.method}`.localeCompare(`${other.path} ${other.method}`, "en"));
const lines = routes.map(({ service, method, path }) => `  ["${method}", "${path}", "${service}"],`);
await writeFile(
  new URL("routes.ts", target),
  `${HEAD}import type { ServiceName } from "@/server/settings";

/** Method, path and service of everything that a page may ask for through the site, apart from streams. */
export const ROUTES: readonly (readonly [string, string, ServiceName])[] = [
${lines.join("\n")}
];
`,
);
