"use client";

import { useI18n } from "@/i18n/provider";
import type { Turn } from "./turns";

type Shown = Pick<Turn, "interrupted" | "key" | "role" | "text" | "tools">;

/** What was said in a conversation, turn by turn. */
export function Said({ turns }: { turns: readonly Shown[] }) {
  const { t } = useI18n();
  return (
    <ol className="flex flex-col gap-3">
      {turns.map((turn) => (
        <li key={turn.key} data-role={turn.role} className={turn.role === "user" ? "ml-auto max-w-[85%] rounded-xl bg-raised px-4 py-2" : "max-w-[85%]"}>
          <strong className="block text-sm">{t(turn.role === "user" ? "chat.you" : "chat.agent")}</strong>
          {turn.tools.length > 0 ? (
            <span className="block text-sm text-quiet">{t("voice.tools", { names: turn.tools.join(", ") })}</span>
          ) : null}
          <span className="break-words">{turn.text}</span>
          {turn.interrupted ? <span className="text-quiet"> … {t("voice.interrupted")}</span> : null}
        </li>
      ))}
    </ol>
  );
}
