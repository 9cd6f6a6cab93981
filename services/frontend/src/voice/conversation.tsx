"use client";

import Link from "next/link";
import { useResource } from "@/client/use-resource";
import { EmptyNote, Waiting } from "@/components/states";
import type { components } from "@/contracts/audio";
import { useI18n } from "@/i18n/provider";
import { Remove } from "@/media/remove";
import { Said } from "./said";

type View = components["schemas"]["LiveConversationView"];

/** What was said in an earlier conversation. */
export function ConversationPage({ id }: { id: string }) {
  const { t, language } = useI18n();
  const { data, error, reload } = useResource<View>(`/api/speaking-sessions/${id}`);
  if (!data) return <Waiting error={error} retry={reload} />;
  const time = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
  return (
    <article className="mx-auto flex w-full max-w-4xl flex-col gap-4 p-4">
      <Link href="/voice" className="self-start">
        {t("voice.back")}
      </Link>
      <div className="flex flex-wrap items-center gap-4">
        <h1 className="flex-1">{time.format(new Date(data.created_at))}</h1>
        <Remove path={`/api/speaking-sessions/${data.id}`} question="voice.delete" after="/voice" />
      </div>
      {data.transcript.length === 0 ? <EmptyNote>{t("voice.silent")}</EmptyNote> : null}
      <Said turns={data.transcript.map((turn, key) => ({ ...turn, key }))} />
    </article>
  );
}
