import "server-only";
import { z } from "zod";
import { log } from "./log";
import { PREFIX, type Store } from "./redis";
import { isSecret, nameOf, newSecret, seal, unseal } from "./sealing";

/** After so long without a request a person has to sign in again. */
export const IDLE_S = 2 * 3600;
/** After so long in any case. */
export const ABSOLUTE_S = 12 * 3600;
/** An access token is renewed when it is good for no longer than this. */
export const RENEW_MS = 120_000;
/** How long one task may take to renew a token before another one tries. */
const RENEWING_MS_MAX = 10_000;
const WAIT_MS = 100;
const PURPOSE = "session";

const stored = z.object({
  subject: z.string(),
  username: z.string(),
  accessToken: z.string(),
  accessExpiresAt: z.number(),
  refreshToken: z.string(),
  startedAt: z.number(),
});

export type Session = z.infer<typeof stored>;

export type Tokens = Pick<Session, "accessToken" | "accessExpiresAt" | "refreshToken">;

/** Renews tokens; null when the person has to sign in again. Throws when nobody can tell at the moment. */
export type Renew = (session: Session) => Promise<Tokens | null>;

/** Who is signed in, by the secret in a browser's cookie. All tasks share what the store holds. */
export class Sessions {
  constructor(
    private readonly store: Store,
    private readonly renew: Renew,
    private readonly now: () => number = Date.now,
    private readonly pause: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {}

  /** Starts a session under a new secret, whatever the browser had before. */
  async start(person: Omit<Session, "startedAt">): Promise<string> {
    const secret = newSecret();
    const session = { ...person, startedAt: this.now() };
    await this.store.set(keyOf(secret), seal(secret, PURPOSE, session), "EX", IDLE_S);
    return secret;
  }

  /** The session, with an access token that is good for a while; null when there is none (any more). */
  async find(secret: string | undefined): Promise<Session | null> {
    if (!isSecret(secret)) return null;
    const session = await this.read(secret);
    if (!session) return null;
    const left = this.secondsLeft(session);
    if (left <= 0) {
      await this.end(secret);
      return null;
    }
    await this.store.expire(keyOf(secret), Math.min(IDLE_S, left));
    if (session.accessExpiresAt - this.now() > RENEW_MS) return session;
    return this.renewed(secret, session);
  }

  /** Ends a session; returns it, so that its tokens can be revoked. */
  async end(secret: string | undefined): Promise<Session | null> {
    if (!isSecret(secret)) return null;
    const session = await this.read(secret);
    await this.store.del(keyOf(secret));
    return session;
  }

  private async read(secret: string): Promise<Session | null> {
    const sealed = await this.store.get(keyOf(secret));
    if (sealed === null) return null;
    const parsed = stored.safeParse(unseal(secret, PURPOSE, sealed));
    return parsed.success ? parsed.data : null;
  }

  private secondsLeft(session: Session): number {
    return Math.floor((session.startedAt - this.now()) / 1000) + ABSOLUTE_S;
  }

  /** Has one task renew the token, and the others wait for what it finds. */
  private async renewed(secret: string, session: Session): Promise<Session | null> {
    const lock = `${PREFIX}renewing:${nameOf(secret)}`;
    const mine = await this.store.set(lock, "1", "PX", RENEWING_MS_MAX, "NX");
    if (mine === null) return this.awaited(secret, session);
    try {
      const tokens = await this.renew(session);
      if (tokens === null) {
        await this.end(secret);
        return null;
      }
      const next = { ...session, ...tokens };
      // Only if it is still there: a person who signed out meanwhile stays signed out.
      const kept = await this.store.set(keyOf(secret), seal(secret, PURPOSE, next), "KEEPTTL", "XX");
      return kept === null ? null : next;
    } catch (error) {
      if (session.accessExpiresAt <= this.now()) throw error;
      log("WARNING", "a token could not be renewed, the one before is still good", {}, error);
      return session;
    } finally {
      await this.store.del(lock);
    }
  }

  private async awaited(secret: string, before: Session): Promise<Session | null> {
    if (before.accessExpiresAt - this.now() > WAIT_MS * 10) return before;
    for (let waited = 0; waited < RENEWING_MS_MAX; waited += WAIT_MS) {
      await this.pause(WAIT_MS);
      const session = await this.read(secret);
      if (session?.accessToken !== before.accessToken) return session;
    }
    throw new Error("the token was not renewed in time");
  }
}

const keyOf = (secret: string): string => `${PREFIX}session:${nameOf(secret)}`;
