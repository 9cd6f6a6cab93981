import { z } from "zod";

/** Why a conversation ended (docs/live-voice.md). */
export const ENDINGS = ["left", "ended", "idle", "limit", "expired", "draining", "deleted", "refused", "failed"] as const;

const speaker = z.enum(["user", "assistant"]);

const message = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("ready"),
    conversation: z.string(),
    input_rate: z.number().int().positive(),
    output_rate: z.number().int().positive(),
  }),
  z.object({ type: z.literal("text"), role: speaker, delta: z.string() }),
  z.object({ type: z.literal("said"), role: speaker, text: z.string(), interrupted: z.boolean() }),
  z.object({ type: z.literal("tool"), id: z.string(), name: z.string(), status: z.enum(["started", "completed", "failed"]) }),
  z.object({ type: z.literal("interrupted") }),
  z.object({ type: z.literal("spoken") }),
  z.object({ type: z.literal("renewed") }),
  z.object({ type: z.literal("retrying"), attempt: z.number(), wait_ms: z.number() }),
  z.object({ type: z.literal("closing"), reason: z.enum(ENDINGS), detail: z.string(), reconnect: z.boolean() }),
]);

export type Message = z.infer<typeof message>;

/** A message of the service; null for one that this page does not know, which it can do without. */
export function readMessage(text: string): Message | null {
  try {
    return message.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
