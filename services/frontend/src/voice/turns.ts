import type { Message } from "./messages";

export type Turn = {
  key: number;
  role: "user" | "assistant";
  text: string;
  /** Whether it is still being said. */
  open: boolean;
  interrupted: boolean;
  tools: readonly string[];
};

/** What was said, after one more message: pieces grow the turn of their speaker, a whole turn takes its place. */
export function heard(turns: readonly Turn[], message: Message): readonly Turn[] {
  if (message.type === "text") {
    const last = turns.at(-1);
    if (last?.open && last.role === message.role) {
      return [...turns.slice(0, -1), { ...last, text: last.text + message.delta }];
    }
    return [...turns, begun(turns, message.role, message.delta)];
  }
  if (message.type === "said") {
    const at = turns.findLastIndex((turn) => turn.open && turn.role === message.role);
    const said = { text: message.text, open: false, interrupted: message.interrupted };
    const found = turns[at];
    return found ? turns.with(at, { ...found, ...said }) : [...turns, { ...begun(turns, message.role, ""), ...said }];
  }
  if (message.type === "tool" && message.status === "started" && message.name) {
    const last = turns.at(-1);
    if (last?.open && last.role === "assistant") {
      return [...turns.slice(0, -1), { ...last, tools: [...last.tools, message.name] }];
    }
    return [...turns, { ...begun(turns, "assistant", ""), tools: [message.name] }];
  }
  return turns;
}

function begun(turns: readonly Turn[], role: Turn["role"], text: string): Turn {
  return { key: (turns.at(-1)?.key ?? 0) + 1, role, text, open: true, interrupted: false, tools: [] };
}
