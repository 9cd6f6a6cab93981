import "server-only";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { Attempts } from "./attempts";
import { renew } from "./cognito";
import { SESSION_COOKIE } from "./cookies";
import { redis, store } from "./redis";
import { Sessions, type Session } from "./sessions";

let made: Sessions | undefined;

export function sessions(): Sessions {
  return (made ??= new Sessions(store(), renew));
}

export function attempts(): Attempts {
  return new Attempts({
    count: async (key, seconds) => {
      const results = await redis().multi().set(key, 0, "EX", seconds, "NX").incr(key).exec();
      return Number(results?.[1]?.[1] ?? Number.POSITIVE_INFINITY);
    },
    forget: (key) => redis().del(key),
  });
}

/** For pages: who is signed in, or on to the sign-in page. */
export async function signedIn(): Promise<Session> {
  const session = await signedInOrNull();
  if (!session) redirect("/sign-in");
  return session;
}

export async function signedInOrNull(): Promise<Session | null> {
  return sessions().find((await cookies()).get(SESSION_COOKIE)?.value);
}
