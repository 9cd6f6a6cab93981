"use client";

import Link from "next/link";
import { useRef, useState, type SyntheticEvent } from "react";
import { call } from "@/client/api";
import { EmptyNote, ErrorNote } from "@/components/states";
import type { components } from "@/contracts/search";
import { useI18n } from "@/i18n/provider";
import { addressOf, HIT_KINDS, titleOf, type Hit, type HitKind } from "./hits";
import { PictureField } from "./picture-field";
import { Thumbnail } from "./thumbnail";

type Request = components["schemas"]["SearchRequest"];
type Result = components["schemas"]["SearchResult"];

/** As the service has it (QUERY_CHARACTERS_MAX). */
const CHARACTERS_MAX = 2000;

type Asked = Omit<Request, "cursor" | "limit">;
type Found = { asked: Asked; hits: Hit[]; cursor: string | null };

/** Search by words or by a picture in everything that a person has. */
export function SearchPage() {
  const { t } = useI18n();
  const running = useRef<AbortController>(null);
  const [text, setText] = useState("");
  const [picture, setPicture] = useState<string | null>(null);
  const [kind, setKind] = useState<HitKind | "">("");
  const [found, setFound] = useState<Found | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  const ask = async (asked: Asked, before: Found | null): Promise<void> => {
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    setBusy(true);
    setError(undefined);
    try {
      const cursor = before?.cursor ? { cursor: before.cursor } : {};
      const result = await call<Result>("POST", "/api/search", { body: { ...asked, ...cursor }, signal: stop.signal });
      setFound({ asked, hits: [...(before?.hits ?? []), ...result.hits], cursor: result.next_cursor ?? null });
    } catch (failure) {
      if (!stop.signal.aborted) setError(failure);
    } finally {
      if (running.current === stop) setBusy(false);
    }
  };
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const sought = picture === null ? { text: text.trim() } : { image: picture };
    void ask({ ...sought, ...(kind === "" ? {} : { filter: { kind } }) }, null);
  };

  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6 p-4">
      <h1>{t("search.title")}</h1>
      <form role="search" onSubmit={submit} className="panel flex flex-col gap-4">
        <label className="flex flex-col gap-1">
          {t("search.text")}
          <input
            type="search"
            className="field"
            value={text}
            maxLength={CHARACTERS_MAX}
            disabled={picture !== null}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <div className="flex flex-wrap items-end gap-4">
          <PictureField label={t("search.image")} picture={picture} chosen={setPicture} />
          <label className="flex flex-col gap-1 text-sm">
            {t("search.kind")}
            <select className="field" value={kind} onChange={(event) => setKind(event.target.value as HitKind | "")}>
              <option value="">{t("search.kind.any")}</option>
              {HIT_KINDS.map((name) => (
                <option key={name} value={name}>
                  {t(`search.kind.${name}`)}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" className="button button-main" disabled={busy || (picture === null && text.trim() === "")}>
            {t("search.submit")}
          </button>
        </div>
      </form>
      <div role="status" className="text-quiet">
        {busy ? t("search.working") : found ? t("search.found", { count: found.hits.length }) : t("search.intro")}
      </div>
      {error === undefined ? null : (
        <ErrorNote error={error} retry={found ? () => void ask(found.asked, null) : undefined} />
      )}
      {found ? <Hits found={found} busy={busy} more={() => void ask(found.asked, found)} /> : null}
    </div>
  );
}

function Hits({ found, busy, more }: { found: Found; busy: boolean; more: () => void }) {
  const { t } = useI18n();
  if (found.hits.length === 0) return <EmptyNote>{t("search.none")}</EmptyNote>;
  return (
    <>
      <ol className="flex flex-col divide-y divide-line border-y border-line">
        {found.hits.map((hit) => (
          <li key={hit.id} className="flex gap-4 py-3" data-kind={hit.kind}>
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap gap-x-3">
                <Link href={addressOf(hit)} className="break-words">
                  {titleOf(hit, t(`search.kind.${hit.kind}`))}
                </Link>
                <span className="text-sm text-quiet">{t(`search.kind.${hit.kind}`)}</span>
              </p>
              <p className="line-clamp-4 break-words">{hit.text}</p>
            </div>
            <Thumbnail hit={hit} />
          </li>
        ))}
      </ol>
      {found.cursor === null ? null : (
        <button type="button" className="button self-start" disabled={busy} onClick={more}>
          {t("site.more")}
        </button>
      )}
    </>
  );
}
