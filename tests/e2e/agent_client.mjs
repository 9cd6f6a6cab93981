// Calls the managed agent by AWS's SDK for JavaScript: node agent_client.mjs PACKAGES ARN SESSION, prints JSON.
import { createRequire } from "node:module";

const [packages, agentRuntimeArn, runtimeSessionId] = process.argv.slice(2);
const sdk = createRequire(`${packages}/`)("@aws-sdk/client-bedrock-agentcore");
const client = new sdk.BedrockAgentCoreClient({});
const header = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Authorization";
client.middlewareStack.add(
  (next) => (args) => {
    args.request.headers[header] = process.env.TOKEN;
    return next(args);
  },
  { step: "build" },
);
const session = { agentRuntimeArn, qualifier: "live", runtimeSessionId };

function ask(text, changes = {}, options = {}) {
  const payload = new TextEncoder().encode(JSON.stringify({ text }));
  const said = { contentType: "application/json", accept: "text/event-stream", payload };
  return client.send(new sdk.InvokeAgentRuntimeCommand({ ...session, ...said, ...changes }), options);
}

function refusal(call) {
  return call.then(
    () => "accepted",
    (error) => `${error.name} ${error.$metadata.httpStatusCode}`,
  );
}

const first = await ask("Which recordings do I have?");
const chunks = [];
for await (const chunk of first.response.transformToWebStream()) chunks.push(Buffer.from(chunk));
const leaving = new AbortController();
const second = await ask("Which recordings do I have, once more?", {}, { abortSignal: leaving.signal });
leaving.abort();
const aborted = await second.response.transformToString().then(
  () => false,
  () => true,
);
const told = {
  status: first.statusCode,
  type: first.contentType,
  session: first.runtimeSessionId,
  whole: Buffer.concat(chunks).includes("event: done"),
  several: chunks.length > 1,
  aborted,
  unknown: await refusal(ask("Hello?", { qualifier: "nowhere" })),
  short: await refusal(ask("Hello?", { runtimeSessionId: "short" })),
  stopped: (await client.send(new sdk.StopRuntimeSessionCommand(session))).statusCode,
};
console.log(JSON.stringify(told));
