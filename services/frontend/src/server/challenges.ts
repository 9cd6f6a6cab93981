import "server-only";
import { z } from "zod";
import type { Challenge } from "./cognito";
import { PREFIX, store, type Store } from "./redis";
import { isSecret, nameOf, newSecret, seal, unseal } from "./sealing";

/** As long as Cognito waits for the answer to a challenge (its default; nothing is gained by more). */
export const CHALLENGE_S = 180;
const PURPOSE = "challenge";

const stored = z.object({
  kind: z.enum(["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"]),
  username: z.string(),
  session: z.string(),
});

/** Sign-ins that wait for a new password or a code, by the secret in a browser's cookie. */
export class Challenges {
  constructor(private readonly store: Pick<Store, "get" | "set" | "del">) {}

  async start(challenge: Challenge): Promise<string> {
    const secret = newSecret();
    await this.store.set(keyOf(secret), seal(secret, PURPOSE, challenge), "EX", CHALLENGE_S);
    return secret;
  }

  async find(secret: string | undefined): Promise<Challenge | null> {
    if (!isSecret(secret)) return null;
    const sealed = await this.store.get(keyOf(secret));
    const parsed = stored.safeParse(sealed === null ? undefined : unseal(secret, PURPOSE, sealed));
    return parsed.success ? parsed.data : null;
  }

  async end(secret: string | undefined): Promise<void> {
    if (isSecret(secret)) await this.store.del(keyOf(secret));
  }
}

export function challenges(): Challenges {
  return new Challenges(store());
}

const keyOf = (secret: string): string => `${PREFIX}challenge:${nameOf(secret)}`;
