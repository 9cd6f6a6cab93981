import type { ChatEvent, JsonObject } from "./events";

export type ToolState = "started" | "completed" | "failed";

export type Part =
  | { type: "text"; text: string }
  | { type: "tool"; id: string; name: string; state: ToolState; input: JsonObject };

/** What has been said so far of an answer, in the order in which it was said. */
export function grown(parts: readonly Part[], event: ChatEvent): readonly Part[] {
  if (event.kind === "token") {
    const last = parts.at(-1);
    if (last?.type === "text") return [...parts.slice(0, -1), { type: "text", text: last.text + event.text }];
    return [...parts, { type: "text", text: event.text }];
  }
  if (event.kind !== "tool") return parts;
  const known = parts.some((part) => part.type === "tool" && part.id === event.id);
  if (!known) {
    return [...parts, { type: "tool", id: event.id, name: event.name, state: event.status, input: event.input }];
  }
  return parts.map((part) => (part.type === "tool" && part.id === event.id ? { ...part, state: event.status } : part));
}
