"use client";

import { useId, useState } from "react";
import { useResource } from "@/client/use-resource";
import { EmptyNote, ErrorNote, LoadingNote, Waiting } from "@/components/states";
import type { components } from "@/contracts/video";
import { useI18n } from "@/i18n/provider";
import { Heading } from "./heading";
import { isOpen, OPEN_MS } from "./status";
import { Timeline, type Anomaly } from "./timeline";
import { clock } from "./times";
import { usePlayback, type Player } from "./use-playback";

type Video = components["schemas"]["VideoSummary"];
type Analysis = components["schemas"]["VideoAnalysis"];
type Scene = components["schemas"]["Scene"];
type KeyFrames = components["schemas"]["KeyFrames"];

/** A video with what was seen in it, which plays from wherever a person points at; from `start` seconds on. */
export function VideoPage({ id, start }: { id: string; start: number }) {
  const { t } = useI18n();
  const [open, setOpen] = useState(true);
  const video = useResource<Video>(`/api/video/${id}`, open ? OPEN_MS : undefined);
  const status = video.data?.status;
  if (status !== undefined && isOpen(status) !== open) setOpen(isOpen(status));
  const player = usePlayback("video", id, status !== undefined && status !== "awaiting_upload", start);
  const analysed = status === "completed";
  const analysis = useResource<Analysis>(analysed ? `/api/video/${id}/analysis` : null);
  const frames = useResource<KeyFrames>(analysed ? `/api/video/${id}/key-frames` : null);
  if (!video.data) return <Waiting error={video.error} retry={video.reload} />;
  return (
    <article className="mx-auto flex w-full max-w-5xl flex-col gap-4 p-4">
      <Heading kind="video" item={video.data} question="media.video.delete" />
      <Picture player={player} name={video.data.filename} />
      {analysis.error === undefined ? null : <ErrorNote error={analysis.error} retry={analysis.reload} />}
      {status !== undefined && isOpen(status) ? <EmptyNote>{t("media.analysis.pending")}</EmptyNote> : null}
      {analysed && analysis.loading ? <LoadingNote /> : null}
      {analysis.data ? (
        <Seen
          analysis={analysis.data}
          frames={frames.data?.frames ?? []}
          duration={video.data.duration_seconds ?? 0}
          player={player}
        />
      ) : null}
    </article>
  );
}

function Picture({ player, name }: { player: Player; name: string }) {
  const { t } = useI18n();
  const { element, source, events } = player;
  if (source.error !== undefined) return <ErrorNote error={source.error} retry={source.reload} />;
  if (!source.data) return null;
  return (
    <video
      ref={element as React.RefObject<HTMLVideoElement | null>}
      className="max-h-[60dvh] w-full rounded-md bg-black"
      controls
      playsInline
      preload="metadata"
      src={source.data.url}
      aria-label={t("media.player", { name })}
      {...events}
    />
  );
}

type SeenProps = { analysis: Analysis; frames: KeyFrames["frames"]; duration: number; player: Player };

function Seen({ analysis, frames, duration, player }: SeenProps) {
  const { t } = useI18n();
  const [summary, scenes, anomalies] = [useId(), useId(), useId()];
  const pictures = new Map(frames.map((frame) => [frame.scene ?? 0, frame.image]));
  return (
    <>
      {duration > 0 ? <Timeline analysis={analysis} duration={duration} place={player.place} seek={player.seek} /> : null}
      <section aria-labelledby={summary}>
        <h2 id={summary}>{t("media.summary")}</h2>
        <p>{analysis.summary}</p>
      </section>
      <section aria-labelledby={anomalies} className="flex flex-col gap-2">
        <h2 id={anomalies}>{t("media.anomalies.title")}</h2>
        {analysis.anomalies.length === 0 ? <EmptyNote>{t("media.anomalies.none")}</EmptyNote> : null}
        <ul className="flex flex-col gap-1">
          {analysis.anomalies.map((anomaly) => (
            <li key={`${anomaly.kind}-${anomaly.start}`}>
              <Strange anomaly={anomaly} seek={() => player.seek(anomaly.start)} />
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby={scenes} className="flex flex-col gap-2">
        <h2 id={scenes}>{t("media.scenes")}</h2>
        <ol className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
          {analysis.scenes.map((scene, index) => (
            <li key={scene.start}>
              <Shown
                scene={scene}
                image={pictures.get(index)}
                current={player.place >= scene.start && player.place < scene.end}
                seek={() => player.seek(scene.start)}
              />
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}

function Strange({ anomaly, seek }: { anomaly: Anomaly; seek: () => void }) {
  const { t } = useI18n();
  const severe = anomaly.severity === "HIGH" || anomaly.severity === "CRITICAL";
  return (
    <button type="button" onClick={seek} data-start={anomaly.start} className="flex w-full flex-wrap gap-x-3 rounded-md px-2 py-2 text-left hover:bg-raised">
      <span className="tabular-nums text-quiet">
        {clock(anomaly.start)}–{clock(anomaly.end)}
      </span>
      <strong className={severe ? "text-danger" : ""}>{t(`media.severity.${anomaly.severity}`)}</strong>
      <span className="min-w-40 flex-1">{anomaly.description}</span>
    </button>
  );
}

type ShownProps = { scene: Scene; image: string | undefined; current: boolean; seek: () => void };

function Shown({ scene, image, current, seek }: ShownProps) {
  return (
    <button
      type="button"
      onClick={seek}
      aria-current={current ? "true" : undefined}
      data-start={scene.start}
      className="panel flex h-full w-full flex-col gap-2 text-left hover:bg-raised aria-[current=true]:bg-mark"
    >
      {image === undefined ? null : (
        <img src={`data:image/jpeg;base64,${image}`} alt="" className="aspect-video w-full rounded-md bg-black object-contain" />
      )}
      <span className="tabular-nums text-quiet">
        {clock(scene.start)}–{clock(scene.end)}
      </span>
      <span>{scene.description}</span>
    </button>
  );
}
