import "server-only";
import { Redis } from "ioredis";
import { log } from "./log";
import { settings } from "./settings";

/** The commands that are used of Redis for sessions and waiting sign-ins. */
export type Store = {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, ...options: (string | number)[]): Promise<unknown>;
  expire(key: string, seconds: number): Promise<unknown>;
  del(key: string): Promise<unknown>;
};

/** All keys of the site start so: its user of the cache has rights on no others. */
export const PREFIX = "frontend:";

/** A command that takes longer has failed; a person waits for it. */
const COMMAND_MS_MAX = 2_000;
const RECONNECT_MS_MAX = 2_000;

let client: Redis | undefined;

/** The connection of this process. It is made when first asked for, and made again whenever it is lost. */
export function redis(): Redis {
  return (client ??= connect());
}

/** What sessions and waiting sign-ins need of it. */
export function store(): Store {
  const connection = redis();
  return {
    get: (key) => connection.get(key),
    set: (key, value, ...options) => connection.call("SET", key, value, ...options),
    expire: (key, seconds) => connection.expire(key, seconds),
    del: (key) => connection.del(key),
  };
}

function connect(): Redis {
  const { url, username, password } = settings().redis;
  const made = new Redis(url, {
    username,
    password,
    connectTimeout: COMMAND_MS_MAX,
    commandTimeout: COMMAND_MS_MAX,
    maxRetriesPerRequest: 2,
    // It would ask for `INFO`, which the site's user has no right to.
    enableReadyCheck: false,
    // Grows, with jitter, so that the tasks do not all come back at the same moment.
    retryStrategy: (attempt) => Math.random() * Math.min(100 * 2 ** attempt, RECONNECT_MS_MAX),
  });
  made.on("error", (error: unknown) => log("WARNING", "the cache does not answer", {}, error));
  return made;
}
