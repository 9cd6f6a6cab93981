"use client";

import { useState } from "react";
import { call } from "@/client/api";
import { useResource } from "@/client/use-resource";
import { EmptyNote, ErrorNote, LoadingNote } from "@/components/states";
import type { components } from "@/contracts/agent-core";
import { useI18n } from "@/i18n/provider";

type Notes = components["schemas"]["NoteList"];

/** What the agent keeps of a person across conversations, because the person wanted it. */
export function MemoryPage() {
  const { t, language } = useI18n();
  const { data, error, reload } = useResource<Notes>("/api/memory");
  const [failure, setFailure] = useState<unknown>();
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const forget = async (path: string): Promise<void> => {
    try {
      await call("DELETE", path);
      setFailure(undefined);
      reload();
    } catch (problem) {
      setFailure(problem);
    }
  };
  const forgetAll = (): void => {
    if (window.confirm(t("memory.forgetAll.confirm"))) void forget("/api/memory");
  };
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-4 p-4">
      <h1>{t("memory.title")}</h1>
      <p className="text-quiet">{t("memory.text")}</p>
      {failure === undefined ? null : <ErrorNote error={failure} />}
      {error === undefined ? null : <ErrorNote error={error} retry={reload} />}
      {data ? (
        data.items.length === 0 ? (
          <EmptyNote>{t("memory.empty")}</EmptyNote>
        ) : (
          <>
            <ul className="flex flex-col divide-y divide-line border-y border-line">
              {data.items.map((note) => (
                <li key={note.id} className="flex flex-wrap items-center gap-x-4 gap-y-2 py-3">
                  <span className="min-w-40 flex-1 break-words">{note.text}</span>
                  <time dateTime={note.created_at} className="text-sm text-quiet">
                    {time.format(new Date(note.created_at))}
                  </time>
                  <button
                    type="button"
                    className="button"
                    aria-label={t("memory.forget.one", { text: note.text })}
                    onClick={() => void forget(`/api/memory/${note.id}`)}
                  >
                    {t("memory.forget")}
                  </button>
                </li>
              ))}
            </ul>
            <button type="button" className="button button-danger self-start" onClick={forgetAll}>
              {t("memory.forgetAll")}
            </button>
          </>
        )
      ) : error === undefined ? (
        <LoadingNote />
      ) : null}
    </div>
  );
}
