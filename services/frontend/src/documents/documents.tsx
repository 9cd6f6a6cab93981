"use client";

import Link from "next/link";
import { useEffect, useId, useRef, useState, type SyntheticEvent } from "react";
import { call } from "@/client/api";
import { usePages } from "@/client/use-pages";
import { PageList } from "@/components/page-list";
import { ErrorNote } from "@/components/states";
import type { components } from "@/contracts/projector";
import { useI18n } from "@/i18n/provider";
import { PictureField } from "@/search/picture-field";

type Summary = components["schemas"]["DocumentSummary"];

/** As the service has them (TITLE_CHARACTERS_MAX, TEXT_CHARACTERS_MAX). */
const TITLE_CHARACTERS_MAX = 200;
const TEXT_CHARACTERS_MAX = 200_000;
/** A document is in the list a moment after it was added: it comes there by events. */
const BEHIND_MS = 1500;

/** Texts and pictures that a person wants to find again: adding them, and all that there are. */
export function DocumentsPage() {
  const { t } = useI18n();
  const labelled = useId();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const pages = usePages<Summary>("/api/documents");
  useEffect(() => () => clearTimeout(timer.current), []);
  const added = (): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(pages.reload, BEHIND_MS);
  };
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6 p-4">
      <h1>{t("documents.title")}</h1>
      <AddDocument added={added} />
      <section aria-labelledby={labelled} className="flex flex-col gap-2">
        <h2 id={labelled}>{t("documents.list")}</h2>
        <PageList pages={pages} empty={t("documents.empty")}>
          {(item) => <Entry item={item} />}
        </PageList>
      </section>
    </div>
  );
}

function Entry({ item }: { item: Summary }) {
  const { t, language } = useI18n();
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  return (
    <>
      <Link href={`/documents/${item.id}`} className="min-w-40 flex-1 break-words">
        {item.title}
      </Link>
      <span className="text-sm text-quiet">{t(`documents.kind.${item.kind}`)}</span>
      <time dateTime={item.created_at} className="text-sm text-quiet">
        {time.format(new Date(item.created_at))}
      </time>
    </>
  );
}

function AddDocument({ added }: { added: () => void }) {
  const { t } = useI18n();
  const [title, setTitle] = useState("");
  const [text, setText] = useState("");
  const [picture, setPicture] = useState<string | null>(null);
  const [state, setState] = useState<"idle" | "busy" | "added">("idle");
  const [error, setError] = useState<unknown>();
  const complete = title.trim() !== "" && (picture === null) !== (text.trim() === "");
  const submit = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    setState("busy");
    setError(undefined);
    try {
      const content = picture === null ? { text } : { image: picture };
      await call("POST", "/api/documents", { body: { title: title.trim(), ...content } });
      setTitle("");
      setText("");
      setPicture(null);
      setState("added");
      added();
    } catch (failure) {
      setError(failure);
      setState("idle");
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="panel flex flex-col gap-3">
      <h2>{t("documents.add")}</h2>
      <label className="flex flex-col gap-1 text-sm">
        {t("documents.name")}
        <input className="field" value={title} maxLength={TITLE_CHARACTERS_MAX} onChange={(event) => setTitle(event.target.value)} />
      </label>
      <label className="flex flex-col gap-1 text-sm">
        {t("documents.text")}
        <textarea className="field" rows={5} value={text} maxLength={TEXT_CHARACTERS_MAX} onChange={(event) => setText(event.target.value)} />
      </label>
      <PictureField label={t("documents.picture")} picture={picture} chosen={setPicture} />
      {picture !== null && text.trim() !== "" ? <p className="text-danger">{t("documents.needed")}</p> : null}
      <button type="submit" className="button button-main self-start" disabled={!complete || state === "busy"}>
        {state === "busy" ? t("documents.working") : t("documents.submit")}
      </button>
      <p role="status" className="text-good">
        {state === "added" ? t("documents.added") : ""}
      </p>
      {error === undefined ? null : <ErrorNote error={error} />}
    </form>
  );
}
