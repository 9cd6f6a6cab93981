import type { ChatModelAdapter, ChatModelRunResult, ThreadAssistantMessagePart } from "@assistant-ui/react";
import { ApiError, call, kindOf, problemOf, send, told } from "@/client/api";
import type { components } from "@/contracts/agent-core";
import type { Translate } from "@/i18n/fill";
import { grown, type Part } from "./answer";
import { BrokenStreamError, readEvents, type ChatEvent } from "./events";

/** Which of the agent's hosts answers. */
export type Host = "fargate" | "runtime";

/** Where messages go, as the person has it at the moment. */
export class Conversation {
  constructor(
    private id: string | null,
    private chosen: Host,
  ) {}

  get host(): Host {
    return this.chosen;
  }

  choose(host: Host): void {
    this.chosen = host;
  }

  /** The session's id; starts a session where there is none yet, and has the address name it. */
  async session(): Promise<string> {
    if (this.id === null) {
      const { id } = await call<components["schemas"]["SessionCreated"]>("POST", "/api/sessions");
      this.id = id;
      window.history.replaceState(null, "", `/chat/${id}`);
    }
    return this.id;
  }
}

export type Listener = {
  /** A message was answered, or not: lists may be out of date. */
  ended: () => void;
  quota: (percent: number) => void;
};

/** Asks the agent through the site, and shows the answer as it comes. */
export function chatAdapter(conversation: Conversation, listener: Listener, t: Translate): ChatModelAdapter {
  return {
    async *run({ messages, abortSignal }) {
      const asked = messages.at(-1)?.content.map((part) => (part.type === "text" ? part.text : "")).join("") ?? "";
      let parts: readonly Part[] = [];
      try {
        for await (const event of answerOf(conversation, asked, abortSignal)) {
          if (event.kind === "quota") listener.quota(event.percent);
          if (event.kind === "error") {
            yield failed(parts, reasonOf(new ApiError(event.status, event.detail, kindOf(event.type)), t));
            return;
          }
          parts = event.kind === "done" ? finished(parts, event.text) : grown(parts, event);
          yield { content: parts.map(shown) };
        }
      } catch (error) {
        if (abortSignal.aborted) return;
        yield failed(parts, reasonOf(error, t));
      } finally {
        listener.ended();
      }
    },
  };
}

async function* answerOf(conversation: Conversation, text: string, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const session = await conversation.session();
  signal.addEventListener("abort", () => void stop(session), { once: true });
  const response = await send(`/bff/chat/${session}/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ text, host: conversation.host }),
    signal,
  });
  if (!response.ok || !response.body) throw await problemOf(response);
  yield* readEvents(response.body);
}

/** Says that nobody wants the answer any more: closing the connection alone is not heard everywhere. */
async function stop(session: string): Promise<void> {
  await send(`/bff/chat/${session}/stop`, { method: "POST", keepalive: true }).catch(() => undefined);
}

const CONFLICT = 409;

/** Why there is no (whole) answer, in words for the person. */
function reasonOf(error: unknown, t: Translate): string {
  const brokeOff = error instanceof ApiError && error.kind === "agent-broke-off";
  if (brokeOff || error instanceof BrokenStreamError) return t("chat.broken");
  if (error instanceof ApiError && error.status === CONFLICT) {
    return t(error.kind === "session-full" ? "chat.full" : "chat.busy");
  }
  return told(error, t);
}

/** The whole text comes with the end; it stands where a part of it was lost. */
function finished(parts: readonly Part[], text: string): readonly Part[] {
  const said = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  return said === "" && text !== "" ? [...parts, { type: "text", text }] : parts;
}

function failed(parts: readonly Part[], reason: string): ChatModelRunResult {
  return { content: parts.map(shown), status: { type: "incomplete", reason: "error", error: reason } };
}

function shown(part: Part): ThreadAssistantMessagePart {
  if (part.type === "text") return part;
  return {
    type: "tool-call",
    toolCallId: part.id,
    toolName: part.name,
    args: part.input ?? {},
    argsText: part.input === undefined ? "" : JSON.stringify(part.input, null, 2),
    ...(part.state === "started" ? {} : { result: part.state, isError: part.state === "failed" }),
  };
}
