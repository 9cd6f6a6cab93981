import "server-only";
import { createHash } from "node:crypto";
import { PREFIX } from "./redis";

/** Attempts to sign in are counted for so long from the first one. */
export const WINDOW_S = 900;
/** Attempts with one user name: more than a person mistypes, far fewer than guessing takes. */
export const PER_NAME_MAX = 10;
/** Attempts from one address, behind which a whole office may sit. */
export const PER_ADDRESS_MAX = 100;

/** The commands that are used of Redis: counts up, with how long a new count lives, and starts over. */
export type Counter = {
  count(key: string, seconds: number): Promise<number>;
  forget(key: string): Promise<unknown>;
};

/** Says whether somebody may try to sign in once more. */
export class Attempts {
  constructor(private readonly counter: Counter) {}

  async allowed(username: string, address: string): Promise<boolean> {
    const [byName, byAddress] = await Promise.all([
      this.counter.count(keyOf("name", username.trim().toLowerCase()), WINDOW_S),
      this.counter.count(keyOf("address", address), WINDOW_S),
    ]);
    return byName <= PER_NAME_MAX && byAddress <= PER_ADDRESS_MAX;
  }

  /** Starts over for a name whose person is in: signing in often is no guessing. */
  async succeeded(username: string): Promise<void> {
    await this.counter.forget(keyOf("name", username.trim().toLowerCase()));
  }
}

/** The address that the distribution saw: the entry before the load balancer's, which no viewer can write. */
export function addressOf(request: Request): string {
  const chain = (request.headers.get("x-forwarded-for") ?? "").split(",").map((part) => part.trim());
  return chain.at(-2) ?? chain.at(-1) ?? "";
}

function keyOf(kind: string, value: string): string {
  return `${PREFIX}attempts:${kind}:${createHash("sha256").update(value).digest("hex")}`;
}
