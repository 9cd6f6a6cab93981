"use client";

import { useEffect, useId, useMemo, useRef, useState } from "react";
import { useResource } from "@/client/use-resource";
import { EmptyNote, ErrorNote, LoadingNote, Waiting } from "@/components/states";
import type { components } from "@/contracts/audio";
import { useI18n } from "@/i18n/provider";
import { Heading } from "./heading";
import { isOpen, OPEN_MS } from "./status";
import { clock } from "./times";
import { contains, heardAt, speakers, type Segment, type Transcript } from "./transcript";
import { usePlayback, type Player } from "./use-playback";

type Recording = components["schemas"]["RecordingSummary"];

/** A recording with its transcript, which plays from wherever a person points at; from `start` seconds on. */
export function RecordingPage({ id, start }: { id: string; start: number }) {
  const { t } = useI18n();
  const [open, setOpen] = useState(true);
  const recording = useResource<Recording>(`/api/audio/${id}`, open ? OPEN_MS : undefined);
  const status = recording.data?.status;
  if (status !== undefined && isOpen(status) !== open) setOpen(isOpen(status));
  const player = usePlayback("audio", id, status !== undefined && status !== "awaiting_upload", start);
  const transcript = useResource<Transcript>(status === "completed" ? `/api/audio/${id}/transcript` : null);
  if (!recording.data) return <Waiting error={recording.error} retry={recording.reload} />;
  return (
    <article className="mx-auto flex w-full max-w-4xl flex-col gap-4 p-4">
      <Heading kind="audio" item={recording.data} question="media.recording.delete" />
      <Sound player={player} name={recording.data.filename} />
      {transcript.error === undefined ? null : <ErrorNote error={transcript.error} retry={transcript.reload} />}
      {status !== undefined && isOpen(status) ? <EmptyNote>{t("media.transcript.pending")}</EmptyNote> : null}
      {transcript.loading && status === "completed" ? <LoadingNote /> : null}
      {transcript.data ? <Words transcript={transcript.data} player={player} /> : null}
    </article>
  );
}

function Sound({ player, name }: { player: Player; name: string }) {
  const { t } = useI18n();
  const { element, source, events } = player;
  if (source.error !== undefined) return <ErrorNote error={source.error} retry={source.reload} />;
  if (!source.data) return null;
  return (
    <audio
      ref={element}
      className="sticky top-2 z-10 w-full"
      controls
      preload="metadata"
      src={source.data.url}
      aria-label={t("media.player", { name })}
      {...events}
    />
  );
}

function Words({ transcript, player }: { transcript: Transcript; player: Player }) {
  const { t } = useI18n();
  const labelled = useId();
  const [sought, setSought] = useState("");
  const { segments, sentiment } = transcript;
  const names = useMemo(() => speakers(segments), [segments]);
  const heard = heardAt(segments, player.place);
  const shown = segments.map((segment, index) => ({ segment, index })).filter(({ segment }) => contains(segment, sought));
  return (
    <section aria-labelledby={labelled} className="flex flex-col gap-3">
      <div className="flex flex-wrap items-baseline gap-4">
        <h2 id={labelled}>{t("media.transcript")}</h2>
        {sentiment ? <span className="text-quiet">{t("media.sentiment", { label: t(`media.sentiment.${sentiment.label}`) })}</span> : null}
      </div>
      <label className="flex flex-col gap-1 text-sm">
        {t("media.transcript.find")}
        <input type="search" className="field" value={sought} onChange={(event) => setSought(event.target.value)} />
      </label>
      {segments.length === 0 ? <EmptyNote>{t("media.transcript.silent")}</EmptyNote> : null}
      {segments.length > 0 && shown.length === 0 ? <EmptyNote>{t("media.transcript.none")}</EmptyNote> : null}
      <ol className="flex flex-col gap-1">
        {shown.map(({ segment, index }) => (
          <Spoken
            key={index}
            segment={segment}
            speaker={segment.speaker ? (names.get(segment.speaker) ?? null) : null}
            heard={index === heard}
            seek={() => player.seek(segment.start)}
          />
        ))}
      </ol>
    </section>
  );
}

type SpokenProps = { segment: Segment; speaker: number | null; heard: boolean; seek: () => void };

function Spoken({ segment, speaker, heard, seek }: SpokenProps) {
  const { t } = useI18n();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (heard) button.current?.scrollIntoView({ block: "nearest" });
  }, [heard]);
  return (
    <li>
      <button
        ref={button}
        type="button"
        onClick={seek}
        aria-current={heard ? "true" : undefined}
        data-start={segment.start}
        className="flex w-full gap-3 rounded-md px-2 py-2 text-left hover:bg-raised aria-[current=true]:bg-mark"
      >
        <span className="w-16 shrink-0 text-right tabular-nums text-quiet">{clock(segment.start)}</span>
        <span className="flex-1">
          {speaker === null ? null : <strong className="mr-2">{t("media.speaker", { number: speaker })}</strong>}
          {segment.text}
        </span>
        {segment.sentiment && segment.sentiment.label !== "neutral" ? (
          <span className="text-sm text-quiet">{t(`media.sentiment.${segment.sentiment.label}`)}</span>
        ) : null}
      </button>
    </li>
  );
}
