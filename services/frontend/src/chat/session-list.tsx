"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { call } from "@/client/api";
import { usePages } from "@/client/use-pages";
import { MoreButton } from "@/components/more-button";
import { EmptyNote, ErrorNote, LoadingNote } from "@/components/states";
import type { components } from "@/contracts/projector";
import { useI18n } from "@/i18n/provider";

type Summary = components["schemas"]["SessionSummary"];

/** A turn is in the list a moment after its end: it comes there by events. */
const BEHIND_MS = 1500;

type Props = { current: string | null; changed: number; started: () => void };

/** All conversations of a person; `changed` counts up whenever the list may be out of date. */
export function SessionList({ current, changed, started }: Props) {
  const { t } = useI18n();
  const pages = usePages<Summary>("/api/sessions");
  const { reload } = pages;
  useEffect(() => {
    if (changed === 0) return;
    const timer = setTimeout(reload, BEHIND_MS);
    return () => clearTimeout(timer);
  }, [changed, reload]);
  return (
    <aside aria-label={t("chat.sessions")} className="border-b border-line md:w-72 md:overflow-y-auto md:border-r md:border-b-0">
      <div className="p-4">
        <button type="button" className="button w-full" onClick={started}>
          {t("chat.new")}
        </button>
      </div>
      {pages.error !== undefined ? <ErrorNote error={pages.error} retry={reload} /> : null}
      {pages.items ? (
        pages.items.length === 0 ? (
          <EmptyNote>{t("chat.sessions.empty")}</EmptyNote>
        ) : (
          <ul className="max-h-40 overflow-y-auto px-2 pb-2 md:max-h-none">
            {pages.items.map((item) => (
              <Entry key={item.id} item={item} current={item.id === current} changed={reload} />
            ))}
          </ul>
        )
      ) : pages.loading ? (
        <LoadingNote />
      ) : null}
      <div className="px-4 pb-4">
        <MoreButton pages={pages} />
      </div>
    </aside>
  );
}

function Entry({ item, current, changed }: { item: Summary; current: boolean; changed: () => void }) {
  const { t, language } = useI18n();
  const router = useRouter();
  const [error, setError] = useState<unknown>();
  const [gone, setGone] = useState(false);
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(item.updated_at),
  );
  const remove = async (): Promise<void> => {
    if (!window.confirm(t("chat.delete.confirm"))) return;
    try {
      await call("DELETE", `/api/sessions/${item.id}`);
      setGone(true);
      if (current) router.push("/chat");
      setTimeout(changed, BEHIND_MS);
    } catch (failure) {
      setError(failure);
    }
  };
  if (gone) return null;
  return (
    <li className="flex flex-wrap items-center gap-1">
      <Link
        href={`/chat/${item.id}`}
        aria-current={current ? "page" : undefined}
        className="flex-1 rounded-md px-2 py-2 text-text no-underline hover:bg-raised aria-[current=page]:bg-raised"
      >
        {time}
        <span className="block text-sm text-quiet">{t("chat.session.turns", { turns: item.turns })}</span>
      </Link>
      <button
        type="button"
        className="rounded-md p-2 text-danger hover:bg-raised"
        aria-label={`${t("chat.delete")}: ${time}`}
        onClick={() => void remove()}
      >
        <span aria-hidden="true">✕</span>
      </button>
      {error === undefined ? null : <ErrorNote error={error} />}
    </li>
  );
}
