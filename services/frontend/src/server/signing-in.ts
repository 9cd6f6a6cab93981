import "server-only";
import { challenges, CHALLENGE_S } from "./challenges";
import type { Outcome, Refusal } from "./cognito";
import { CHALLENGE_COOKIE, SESSION_COOKIE, cookie, cookieOf, forgotten } from "./cookies";
import { localPath, sendTo } from "./forms";
import { attempts, sessions } from "./people";
import { ABSOLUTE_S } from "./sessions";

/** Why a sign-in did not succeed, in words that the pages have texts for. */
export type Problem = Refusal | "away" | "not-repeated";

export const START = "/chat";

type Attempt = { username: string; next: string | null };

/** Sends a browser where an attempt to sign in has led to. A session always gets a secret of its own. */
export async function finish(request: Request, outcome: Outcome, { username, next }: Attempt): Promise<Response> {
  if (outcome.kind === "refused") return sendTo(refused(outcome.reason, next));
  await challenges().end(cookieOf(request, CHALLENGE_COOKIE));
  if (outcome.kind === "challenge") {
    const secret = await challenges().start(outcome.challenge);
    return sendTo(signInPath(next), cookie(CHALLENGE_COOKIE, secret, CHALLENGE_S));
  }
  await attempts().succeeded(username);
  await sessions().end(cookieOf(request, SESSION_COOKIE));
  const secret = await sessions().start(outcome.person);
  return sendTo(
    localPath(next, START),
    cookie(SESSION_COOKIE, secret, ABSOLUTE_S),
    forgotten(CHALLENGE_COOKIE),
  );
}

export function refused(problem: Problem, next: string | null): string {
  return signInPath(next, { problem });
}

function signInPath(next: string | null, query: Record<string, string> = {}): string {
  const parameters = new URLSearchParams(query);
  const path = localPath(next, START);
  if (path !== START) parameters.set("next", path);
  const text = parameters.toString();
  return text ? `/sign-in?${text}` : "/sign-in";
}
