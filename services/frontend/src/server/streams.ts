import "server-only";
import { log } from "./log";
import { Problem } from "./problems";

const SESSION_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** A session's id from a path. Throws a Problem for what cannot be one. */
export function sessionId(value: string): string {
  if (!SESSION_ID.test(value)) throw new Problem(404, "there is no such session");
  return value;
}

/** A comment, which readers ignore: the browser has the status before the agent has said anything. */
const BEGUN = new TextEncoder().encode(": begun\n\n");

/**
 * The response that hands a stream of events on as it comes: nobody on the way may keep or compress it. Where it
 * breaks off it just ends, and its reader misses the last event.
 */
export function streamed(body: ReadableStream<Uint8Array>): Response {
  return new Response(relayed(body), {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    },
  });
}

function relayed(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    start: (controller) => controller.enqueue(BEGUN),
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        log("WARNING", "an answer broke off", {}, error);
        controller.close();
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
