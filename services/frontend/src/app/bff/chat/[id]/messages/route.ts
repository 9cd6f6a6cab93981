import { z } from "zod";
import { askManaged } from "@/server/managed-agent";
import { readText } from "@/server/forms";
import { personal } from "@/server/guard";
import { Problem } from "@/server/problems";
import { callService, passOn } from "@/server/services";
import { settings } from "@/server/settings";
import { sessionId, streamed } from "@/server/streams";

const BODY_BYTES_MAX = 128 * 1024;
const CHARACTERS_MAX = 8000;

const message = z.strictObject({
  text: z.string().min(1).max(CHARACTERS_MAX).regex(/\S/),
  host: z.enum(["fargate", "runtime"]),
});

/** Asks one of the agent's hosts, and hands the answer on byte by byte. */
export const POST = personal<{ id: string }>(async (request, session, { id }) => {
  const asked = parsed(await readText(request, BODY_BYTES_MAX));
  if (asked.host === "runtime") {
    const agent = settings().managedAgent;
    if (!agent) throw new Problem(422, "this stack has no managed agent");
    return streamed(await askManaged(agent, session, sessionId(id), asked.text, request.signal));
  }
  const answer = await callService(session, {
    service: "agent-core",
    method: "POST",
    path: `/api/sessions/${sessionId(id)}/messages`,
    body: JSON.stringify({ text: asked.text }),
    signal: request.signal,
    accept: "text/event-stream",
    streams: true,
  });
  return answer.ok && answer.body ? streamed(answer.body) : passOn(answer);
});

function parsed(text: string): z.infer<typeof message> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Problem(400, "the body is not JSON");
  }
  const found = message.safeParse(content);
  if (!found.success) throw new Problem(422, z.prettifyError(found.error));
  return found.data;
}
