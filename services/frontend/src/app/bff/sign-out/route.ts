import { revoke } from "@/server/cognito";
import { SESSION_COOKIE, cookieOf, forgotten } from "@/server/cookies";
import { sendTo } from "@/server/forms";
import { guarded } from "@/server/guard";
import { sessions } from "@/server/people";

export const POST = guarded(async (request) => {
  const session = await sessions().end(cookieOf(request, SESSION_COOKIE));
  if (session) await revoke(session);
  return sendTo("/sign-in", forgotten(SESSION_COOKIE));
});
