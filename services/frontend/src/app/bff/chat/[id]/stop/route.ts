import { personal } from "@/server/guard";
import { stopManaged } from "@/server/managed-agent";
import { callService, passOn } from "@/server/services";
import { settings } from "@/server/settings";
import { sessionId } from "@/server/streams";

const CONFLICT = 409;

/**
 * Stops the answer that is under way in a session. The wish lies beside the session's lock, where all hosts find it
 * that share the cache; where none of them answers, the machine of a managed agent outside the VPC is ended.
 */
export const POST = personal<{ id: string }>(async (_request, session, { id }) => {
  const answer = await callService(session, {
    service: "agent-core",
    method: "POST",
    path: `/api/sessions/${sessionId(id)}/cancel`,
    // Whoever stops may leave the page at once; the wish is passed on all the same.
    signal: AbortSignal.timeout(5_000),
  });
  const managed = settings().managedAgent;
  if (answer.status === CONFLICT && managed) {
    await stopManaged(managed, id);
    return new Response(null, { status: 202 });
  }
  return passOn(answer);
});
