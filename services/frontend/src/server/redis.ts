import "server-only";
import { Redis } from "ioredis";
import { log } from "./log";
import { settings } from "./settings";

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
