import type { ThreadMessageLike } from "@assistant-ui/react";
import type { components } from "@/contracts/agent-core";
import type { Translate } from "@/i18n/fill";

export type SessionView = components["schemas"]["SessionView"];

/** The messages of a session, as they were kept. */
export function messagesOf(session: SessionView, t: Translate): ThreadMessageLike[] {
  return session.turns.flatMap((turn): ThreadMessageLike[] => {
    const answered = turn.status === "completed";
    const tools = turn.tools.map((name, index) => ({
      type: "tool-call" as const,
      toolCallId: `${turn.id}-${String(index)}`,
      toolName: name,
      args: {},
      argsText: "",
      result: "completed",
    }));
    const text = turn.answer === "" ? [] : [{ type: "text" as const, text: turn.answer }];
    return [
      { id: `${turn.id}-question`, role: "user", content: [{ type: "text", text: turn.question }] },
      {
        id: turn.id,
        role: "assistant",
        content: [...tools, ...text],
        status: answered
          ? { type: "complete", reason: "stop" }
          : { type: "incomplete", reason: "error", error: t("chat.failed", { reason: turn.reason ?? "" }) },
      },
    ];
  });
}
