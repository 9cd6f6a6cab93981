"use client";

import Link from "next/link";
import { useResource } from "@/client/use-resource";
import { Waiting } from "@/components/states";
import type { components } from "@/contracts/search";
import { useI18n } from "@/i18n/provider";
import { Remove } from "@/media/remove";

type Document = components["schemas"]["Document"];

/** A text or a picture that a person added. */
export function DocumentPage({ id }: { id: string }) {
  const { t } = useI18n();
  const { data, error, reload } = useResource<Document>(`/api/documents/${id}`);
  if (!data) return <Waiting error={error} retry={reload} />;
  return (
    <article className="mx-auto flex w-full max-w-4xl flex-col gap-4 p-4">
      <Link href="/documents" className="self-start">
        {t("documents.back")}
      </Link>
      <div className="flex flex-wrap items-center gap-4">
        <h1 className="flex-1 break-words">{data.title}</h1>
        <Remove path={`/api/documents/${data.id}`} question="documents.delete" after="/documents" />
      </div>
      {data.image ? (
        <img src={`data:image/${data.image_format ?? "jpeg"};base64,${data.image}`} alt={data.title} className="max-w-full rounded-md" />
      ) : (
        <p className="whitespace-pre-wrap break-words">{data.text}</p>
      )}
    </article>
  );
}
