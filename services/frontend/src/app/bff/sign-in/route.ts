import { addressOf } from "@/server/attempts";
import { signIn } from "@/server/cognito";
import { readForm, sendTo } from "@/server/forms";
import { guarded } from "@/server/guard";
import { log } from "@/server/log";
import { attempts } from "@/server/people";
import { finish, refused } from "@/server/signing-in";

const CHARACTERS_MAX = 256;

export const POST = guarded(async (request) => {
  const form = await readForm(request);
  const username = (form.get("username") ?? "").trim();
  const password = form.get("password") ?? "";
  const next = form.get("next");
  if (!username || !password || username.length > CHARACTERS_MAX || password.length > CHARACTERS_MAX) {
    return sendTo(refused("wrong", next));
  }
  try {
    if (!(await attempts().allowed(username, addressOf(request)))) return sendTo(refused("busy", next));
    return await finish(request, await signIn(username, password), { username, next });
  } catch (error) {
    log("ERROR", "nobody can sign in at the moment", {}, error);
    return sendTo(refused("away", next));
  }
});
