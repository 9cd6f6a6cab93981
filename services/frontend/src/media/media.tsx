"use client";

import Link from "next/link";
import { useEffect, useId, useRef, useState } from "react";
import { usePages } from "@/client/use-pages";
import { PageList } from "@/components/page-list";
import type { components } from "@/contracts/projector";
import type { TextKey } from "@/i18n/en";
import { useI18n } from "@/i18n/provider";
import type { MediaKind } from "./kinds";
import { isOpen, OPEN_MS, Status } from "./status";
import { clock } from "./times";
import { Uploader } from "./uploader";

type Recording = components["schemas"]["RecordingSummary"];
type Video = components["schemas"]["VideoSummary"];

/** How often the lists are asked for while everything in them is settled. */
const SETTLED_MS = 15_000;

/** How long a new upload may take to be in a list: it comes there by events. */
const BEHIND_MS = 10_000;

/** Uploads, and all recordings and videos of a person with where they stand. */
export function MediaPage() {
  const { t } = useI18n();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [expecting, setExpecting] = useState(false);
  useEffect(() => () => clearTimeout(timer.current), []);
  const uploaded = (): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setExpecting(false), BEHIND_MS);
    setExpecting(true);
  };
  return (
    <div className="mx-auto flex w-full max-w-5xl flex-col gap-6 p-4">
      <h1>{t("media.title")}</h1>
      <Uploader uploaded={uploaded} />
      <Kind kind="audio" title="media.recordings" empty="media.recordings.empty" expecting={expecting} />
      <Kind kind="video" title="media.videos" empty="media.videos.empty" expecting={expecting} />
    </div>
  );
}

type KindProps = { kind: MediaKind; title: TextKey; empty: TextKey; expecting: boolean };

function Kind({ kind, title, empty, expecting }: KindProps) {
  const { t } = useI18n();
  const labelled = useId();
  const [open, setOpen] = useState(true);
  const pages = usePages<Recording | Video>(`/api/${kind}`, open || expecting ? OPEN_MS : SETTLED_MS);
  const opened = pages.items?.some((item) => isOpen(item.status)) ?? true;
  if (opened !== open) setOpen(opened);
  return (
    <section aria-labelledby={labelled} className="flex flex-col gap-2">
      <h2 id={labelled}>{t(title)}</h2>
      <PageList pages={pages} empty={t(empty)}>
        {(item) => <Item kind={kind} item={item} />}
      </PageList>
    </section>
  );
}

function Item({ kind, item }: { kind: MediaKind; item: Recording | Video }) {
  const { t, language } = useI18n();
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const anomalies = "anomalies" in item ? (item.anomalies ?? 0) : 0;
  return (
    <>
      <Link href={`/media/${kind}/${item.id}`} className="min-w-40 flex-1 break-all">
        {item.filename || t("media.unnamed")}
      </Link>
      {typeof item.duration_seconds === "number" ? <span>{clock(item.duration_seconds)}</span> : null}
      {anomalies > 0 ? <span>{t("media.anomalies", { count: anomalies })}</span> : null}
      <Status status={item.status} reason={item.reason} />
      <time dateTime={item.created_at} className="text-sm text-quiet">
        {time.format(new Date(item.created_at))}
      </time>
    </>
  );
}
