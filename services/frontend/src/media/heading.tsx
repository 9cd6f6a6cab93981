"use client";

import Link from "next/link";
import type { components } from "@/contracts/audio";
import type { TextKey } from "@/i18n/en";
import { useI18n } from "@/i18n/provider";
import type { MediaKind } from "./kinds";
import { Remove } from "./remove";
import { Status } from "./status";
import { clock } from "./times";

type Summary = Pick<
  components["schemas"]["RecordingSummary"],
  "created_at" | "duration_seconds" | "filename" | "id" | "reason" | "status"
>;

/** What a recording or video is called, where it stands, and how it is removed. */
export function Heading({ kind, item, question }: { kind: MediaKind; item: Summary; question: TextKey }) {
  const { t, language } = useI18n();
  const time = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
  return (
    <header className="flex flex-col gap-2">
      <Link href="/media" className="self-start">
        {t("media.back")}
      </Link>
      <h1 className="break-all">{item.filename || t("media.unnamed")}</h1>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <span role="status">
          <Status status={item.status} reason={item.reason} />
        </span>
        {typeof item.duration_seconds === "number" ? <span>{clock(item.duration_seconds)}</span> : null}
        <time dateTime={item.created_at} className="text-quiet">
          {time.format(new Date(item.created_at))}
        </time>
        <span className="ml-auto">
          <Remove path={`/api/${kind}/${item.id}`} question={question} after="/media" />
        </span>
      </div>
    </header>
  );
}
