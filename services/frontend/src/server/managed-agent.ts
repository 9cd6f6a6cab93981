import "server-only";
import {
  BedrockAgentCoreClient,
  BedrockAgentCoreServiceException,
  InvokeAgentRuntimeCommand,
  StopRuntimeSessionCommand,
} from "@aws-sdk/client-bedrock-agentcore";
import { log } from "./log";
import { Problem } from "./problems";
import type { Session } from "./sessions";
import { settings, type ManagedAgent } from "./settings";

/** Carries the person's access token past AgentCore, which has signed its caller in by IAM. */
const AUTHORIZATION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Authorization";

const STATUSES: Record<string, number> = {
  ThrottlingException: 503,
  ServiceQuotaExceededException: 503,
  ResourceNotFoundException: 404,
  ValidationException: 422,
};

/** What AgentCore says when the agent's own process failed, whatever it had done by then. */
const BROKE_OFF = new Set(["RuntimeClientError", "InternalServerException"]);

let client: BedrockAgentCoreClient | undefined;

function agentCore(): BedrockAgentCoreClient {
  // A message is answered once: whoever asks twice is charged twice.
  return (client ??= new BedrockAgentCoreClient({ region: settings().region, maxAttempts: 1 }));
}

/** Asks the managed agent as the person; the answer is a stream of the agent's own events. */
export async function askManaged(
  agent: ManagedAgent,
  session: Session,
  id: string,
  text: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const command = new InvokeAgentRuntimeCommand({
    agentRuntimeArn: agent.arn,
    qualifier: agent.qualifier,
    runtimeSessionId: id,
    contentType: "application/json",
    accept: "text/event-stream",
    payload: new TextEncoder().encode(JSON.stringify({ text })),
  });
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { headers: Record<string, string> };
      request.headers[AUTHORIZATION_HEADER] = `Bearer ${session.accessToken}`;
      return next(args);
    },
    { step: "build", name: "asThePerson" },
  );
  try {
    const { response } = await agentCore().send(command, { abortSignal: signal });
    if (!response) throw new Problem(502, "the agent answered nothing");
    return response.transformToWebStream() as ReadableStream<Uint8Array>;
  } catch (error) {
    if (!(error instanceof BedrockAgentCoreServiceException)) throw error;
    log("WARNING", "the managed agent refused a message", {}, error);
    if (BROKE_OFF.has(error.name)) throw new Problem(502, "the agent's process failed", "agent-broke-off");
    throw new Problem(STATUSES[error.name] ?? 502, "the managed agent does not answer at the moment", "agent-away");
  }
}

/** Ends the machine of a session; one that is not there is ended already. */
export async function stopManaged(agent: ManagedAgent, id: string): Promise<void> {
  const input = { agentRuntimeArn: agent.arn, qualifier: agent.qualifier, runtimeSessionId: id };
  try {
    await agentCore().send(new StopRuntimeSessionCommand(input), { abortSignal: AbortSignal.timeout(5_000) });
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return;
    log("WARNING", "a session of the managed agent could not be stopped", {}, error);
  }
}
