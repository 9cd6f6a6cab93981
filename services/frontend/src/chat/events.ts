import { EventSourceParserStream } from "eventsource-parser/stream";
import { z } from "zod";

const token = z.object({ text: z.string() });
const tool = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(["started", "completed", "failed"]),
  input: z.record(z.string(), z.json()).optional(),
});
const quota = z.object({ used_percent: z.number() });
const done = z.object({ turn: z.string(), text: z.string(), stop_reason: z.string() });
const error = z.object({ status: z.number().default(500), detail: z.string().default(""), type: z.string().default("") });
/** How an agent on AgentCore tells an exception inside its stream, which began with a status of 200. */
const bare = z.object({ error: z.string() });

/** What an agent's stream tells: see the contracts of the coordinator (libs/common, contracts/sessions.py). */
export type ChatEvent =
  | { kind: "token"; text: string }
  | { kind: "tool"; id: string; name: string; status: "started" | "completed" | "failed"; input?: JsonObject | undefined }
  | { kind: "quota"; percent: number }
  | { kind: "done"; text: string }
  | { kind: "error"; status: number; detail: string; type: string };

export type JsonObject = z.infer<typeof tool>["input"];

/** The stream ended before the answer did: the agent's process or the connection is gone. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";
}

/** Reads an answer as it comes. The last event is `done` or `error`; throws BrokenStreamError where neither comes. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ChatEvent, void> {
  const messages = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .pipeThrough(new EventSourceParserStream());
  const reader = messages.getReader();
  try {
    for (;;) {
      const { done: ended, value } = await reader.read();
      if (ended) break;
      const event = eventOf(value.event ?? "message", value.data);
      if (!event) continue;
      yield event;
      if (event.kind === "done" || event.kind === "error") return;
    }
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new BrokenStreamError("the stream broke off", { cause });
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  throw new BrokenStreamError("the stream ended early");
}

/** One event; null for a kind that nobody here knows. Malformed ones end the stream: nothing after them is sure. */
function eventOf(name: string, data: string): ChatEvent | null {
  const content: unknown = JSON.parse(data);
  switch (name) {
    case "token":
      return { kind: "token", ...token.parse(content) };
    case "tool":
      return { kind: "tool", ...tool.parse(content) };
    case "quota":
      return { kind: "quota", percent: quota.parse(content).used_percent };
    case "done":
      return { kind: "done", text: done.parse(content).text };
    case "error":
      return { kind: "error", ...error.parse(content) };
    default: {
      const found = bare.safeParse(content);
      return found.success ? { kind: "error", status: 500, detail: found.data.error, type: "" } : null;
    }
  }
}
