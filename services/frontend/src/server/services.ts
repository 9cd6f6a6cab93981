import "server-only";
import { log } from "./log";
import { Problem, PROBLEM_TYPE } from "./problems";
import type { Session } from "./sessions";
import { signed } from "./signing";
import { settings, type ServiceName } from "./settings";

/** How long a service may take for a whole answer: as long as the public API lets it. */
const ANSWER_MS_MAX = 29_000;
/** Carries the person's access token to a function, whose own `Authorization` is the task's signature. */
const PERSON_HEADER = "x-nova-authorization";
const ATTEMPTS_MAX = 3;
const PAUSE_MS = 150;
/** What is worth another attempt where nothing is changed by it. */
const PASSING = new Set([502, 503, 504]);

export type Call = {
  service: ServiceName;
  method: string;
  /** With its query. */
  path: string;
  body?: string;
  signal: AbortSignal;
  accept?: string;
  /** Without a limit to the whole answer: it is a stream. */
  streams?: boolean;
};

/**
 * Calls a service as the person. Reads are tried again, with pauses that grow and have jitter; what changes
 * something is sent once. Throws a Problem when the service cannot be reached.
 */
export async function callService(session: Session, call: Call): Promise<Response> {
  const reads = call.method === "GET";
  const address = settings().services[call.service];
  if (address === null) throw new Problem(404, "agents have no wallet here", "no-wallet");
  for (let attempt = 1; ; attempt += 1) {
    const last = !reads || attempt === ATTEMPTS_MAX;
    try {
      const response = await send(session, call, address);
      if (last || !PASSING.has(response.status)) return response;
      await response.body?.cancel();
    } catch (error) {
      if (call.signal.aborted) throw error;
      if (last) {
        log("WARNING", "a service does not answer", { callee: call.service }, error);
        throw new Problem(503, "the service does not answer at the moment", "service-away", { "retry-after": "5" });
      }
    }
    await new Promise((done) => setTimeout(done, PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random())));
  }
}

async function send(session: Session, call: Call, address: string): Promise<Response> {
  const signal = call.streams ? call.signal : AbortSignal.any([call.signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
  const url = new URL(call.path, address);
  const authorization = `Bearer ${session.accessToken}`;
  const headers = {
    accept: call.accept ?? "application/json",
    ...(call.body === undefined ? {} : { "content-type": "application/json" }),
  };
  return fetch(url, {
    method: call.method,
    headers:
      call.service === "mcp-server"
        ? await signed(call.method, url, { ...headers, [PERSON_HEADER]: authorization }, call.body)
        : { ...headers, authorization },
    signal,
    redirect: "error",
    cache: "no-store",
    ...(call.body === undefined ? {} : { body: call.body }),
  });
}

const PASSED_ON = ["content-type", "retry-after", "location", "x-request-id"];

/** Hands a service's answer to the browser: its status, its body, and the headers that say what it is. */
export function passOn(answer: Response): Response {
  const headers = new Headers({ "cache-control": "no-store" });
  for (const name of PASSED_ON) {
    const value = answer.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const type = headers.get("content-type") ?? "";
  const known = type.startsWith("application/json") || type.startsWith(PROBLEM_TYPE) || answer.body === null;
  // Nothing that a browser would run or show as a page comes from a service.
  if (!known) throw new Problem(502, "the service answered with something unexpected");
  return new Response(answer.body, { status: answer.status, headers });
}
