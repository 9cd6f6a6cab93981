import "server-only";
import { SESSION_COOKIE, cookieOf } from "./cookies";
import { log } from "./log";
import { sessions } from "./people";
import { Problem, signedOut } from "./problems";
import type { Session } from "./sessions";

const READING = new Set(["GET", "HEAD"]);

/** A route handler behind the checks; `parameters` are those of its path. */
export type Handler<P> = (request: Request, parameters: P) => Promise<Response>;

export type PersonHandler<P> = (request: Request, session: Session, parameters: P) => Promise<Response>;

type Context<P> = { params: Promise<P> };

/**
 * Wraps a route handler that anybody may call: only the site's own pages may (`fromOwnPage`), a Problem becomes
 * its document, and what nobody expected is logged and becomes a 500.
 */
export function guarded<P = object>(handle: Handler<P>) {
  return async (request: Request, context: Context<P>): Promise<Response> => {
    const instance = new URL(request.url).pathname;
    const begun = performance.now();
    let status = 500;
    try {
      if (!fromOwnPage(request)) throw new Problem(403, "the request comes from another site", "origin-refused");
      const response = await handle(request, await context.params);
      status = response.status;
      return response;
    } catch (error) {
      if (error instanceof Problem) {
        status = error.status;
        return error.response(instance);
      }
      if (request.signal.aborted) {
        status = 499;
        return new Response(null, { status });
      }
      log("ERROR", "a request failed", { method: request.method }, error);
      return new Problem(503, "the site cannot answer at the moment", undefined, { "retry-after": "5" }).response(
        instance,
      );
    } finally {
      const duration_ms = Math.round(performance.now() - begun);
      log("INFO", "request", { method: request.method, route: routeOf(instance), status, duration_ms });
    }
  };
}

/** Wraps a route handler for people who are signed in. */
export function personal<P = object>(handle: PersonHandler<P>) {
  return guarded<P>(async (request, parameters) => {
    const session = await sessions().find(cookieOf(request, SESSION_COOKIE));
    if (!session) throw signedOut();
    return handle(request, session, parameters);
  });
}

/**
 * Whether a browser sent this from one of the site's own pages. `Sec-Fetch-Site` cannot be set by scripts; a
 * request that changes something also names the page's origin, which has to be the host that was asked for.
 * No forwarding header counts: they come from outside.
 */
export function fromOwnPage(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  const reads = READING.has(request.method);
  if (site !== null && site !== "same-origin" && !(reads && site === "none")) return false;
  if (reads) return true;
  return hostOf(request.headers.get("origin")) === request.headers.get("host");
}

function hostOf(origin: string | null): string | undefined {
  if (origin === null || !URL.canParse(origin)) return undefined;
  return new URL(origin).host;
}

/** A path without what names a thing or a person. */
function routeOf(path: string): string {
  return path.replace(/\/[0-9a-zA-Z_-]{20,}(?=\/|$)/g, "/{id}");
}
