import { addressOf } from "@/server/attempts";
import { challenges } from "@/server/challenges";
import { answer } from "@/server/cognito";
import { CHALLENGE_COOKIE, cookieOf, forgotten } from "@/server/cookies";
import { readForm, sendTo } from "@/server/forms";
import { guarded } from "@/server/guard";
import { log } from "@/server/log";
import { attempts } from "@/server/people";
import { finish, refused } from "@/server/signing-in";

const CHARACTERS_MAX = 256;

export const POST = guarded(async (request) => {
  const form = await readForm(request);
  const value = form.get("value") ?? "";
  const next = form.get("next");
  try {
    const challenge = await challenges().find(cookieOf(request, CHALLENGE_COOKIE));
    if (!challenge) return sendTo(refused("expired", next), forgotten(CHALLENGE_COOKIE));
    if (!value || value.length > CHARACTERS_MAX) return sendTo(refused("wrong-code", next));
    if (challenge.kind === "NEW_PASSWORD_REQUIRED" && value !== form.get("repeated")) {
      return sendTo(refused("not-repeated", next));
    }
    if (!(await attempts().allowed(challenge.username, addressOf(request)))) return sendTo(refused("busy", next));
    return await finish(request, await answer(challenge, value), { username: challenge.username, next });
  } catch (error) {
    log("ERROR", "nobody can sign in at the moment", {}, error);
    return sendTo(refused("away", next));
  }
});
