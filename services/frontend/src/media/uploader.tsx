"use client";

import { useId, useRef, useState, type DragEvent } from "react";
import { told } from "@/client/api";
import type { TextKey } from "@/i18n/en";
import { useI18n } from "@/i18n/provider";
import { ACCEPTED, mediaOf, type Media } from "./kinds";
import { upload } from "./upload";

/** Languages that a person may name; without one it is found out. */
const LANGUAGES: readonly (readonly [code: string, text: TextKey])[] = [
  ["", "media.language.any"],
  ["en-US", "media.language.en"],
  ["ja-JP", "media.language.ja"],
];

type Job = { key: number; file: File; media: Media; part: number; stop: AbortController; error: unknown };

/** Takes files by choice or by dragging, sends them one beside the other, and tells how far each is. */
export function Uploader({ uploaded }: { uploaded: () => void }) {
  const { t } = useI18n();
  const input = useRef<HTMLInputElement>(null);
  const last = useRef(0);
  const labelled = useId();
  const [language, setLanguage] = useState("");
  const [jobs, setJobs] = useState<readonly Job[]>([]);
  const [refused, setRefused] = useState<readonly string[]>([]);

  const change = (key: number, changes: Partial<Job>): void =>
    setJobs((all) => all.map((job) => (job.key === key ? { ...job, ...changes } : job)));
  const forget = (key: number): void => setJobs((all) => all.filter((job) => job.key !== key));

  const start = async (job: Job): Promise<void> => {
    try {
      const progress = (part: number): void => change(job.key, { part });
      await upload(job.file, job.media, { progress, signal: job.stop.signal, language: language || null });
      forget(job.key);
      uploaded();
    } catch (error) {
      if (job.stop.signal.aborted) forget(job.key);
      else change(job.key, { error });
    }
  };
  const add = (files: Iterable<File>): void => {
    const found = [...files].map((file) => ({ file, media: mediaOf(file) }));
    setRefused(found.filter(({ media }) => media === null).map(({ file }) => file.name));
    for (const { file, media } of found) {
      if (media === null) continue;
      last.current += 1;
      const job = { key: last.current, file, media, part: 0, stop: new AbortController(), error: undefined };
      setJobs((all) => [...all, job]);
      void start(job);
    }
  };
  const again = (job: Job): void => {
    const next = { ...job, part: 0, error: undefined, stop: new AbortController() };
    change(job.key, next);
    void start(next);
  };
  const dropped = (event: DragEvent): void => {
    event.preventDefault();
    add(event.dataTransfer.files);
  };

  return (
    <section
      aria-labelledby={labelled}
      className="panel flex flex-col gap-3 border-dashed"
      onDragOver={(event) => event.preventDefault()}
      onDrop={dropped}
    >
      <h2 id={labelled}>{t("media.upload.title")}</h2>
      <p className="text-quiet">{t("media.upload.text")}</p>
      <div className="flex flex-wrap items-end gap-3">
        <label className="flex flex-col gap-1 text-sm">
          {t("media.language")}
          <select className="field" value={language} onChange={(event) => setLanguage(event.target.value)}>
            {LANGUAGES.map(([code, text]) => (
              <option key={code} value={code}>
                {t(text)}
              </option>
            ))}
          </select>
        </label>
        <input
          ref={input}
          type="file"
          multiple
          accept={ACCEPTED}
          className="sr-only"
          tabIndex={-1}
          aria-label={t("media.upload.choose")}
          onChange={(event) => {
            add(event.target.files ?? []);
            event.target.value = "";
          }}
        />
        <button type="button" className="button button-main" onClick={() => input.current?.click()}>
          {t("media.upload.choose")}
        </button>
      </div>
      {refused.length > 0 ? (
        <p role="alert" className="notice notice-danger">
          {t("media.upload.refused", { names: refused.join(", ") })}
        </p>
      ) : null}
      <ul aria-live="polite" className="flex flex-col gap-2">
        {jobs.map((job) => (
          <Progress key={job.key} job={job} again={() => again(job)} forget={() => forget(job.key)} />
        ))}
      </ul>
    </section>
  );
}

function Progress({ job, again, forget }: { job: Job; again: () => void; forget: () => void }) {
  const { t } = useI18n();
  const percent = Math.round(job.part * 100);
  if (job.error !== undefined) {
    return (
      <li className="notice notice-danger flex flex-wrap items-center gap-3">
        <span className="flex-1 break-words">
          {t("media.upload.failed", { name: job.file.name })} {told(job.error, t)}
        </span>
        <button type="button" className="button" onClick={again}>
          {t("site.retry")}
        </button>
        <button type="button" className="button" onClick={forget}>
          {t("site.close")}
        </button>
      </li>
    );
  }
  return (
    <li className="flex flex-wrap items-center gap-3">
      <label className="flex flex-1 flex-col gap-1 text-sm">
        <span className="break-all">{t("media.upload.sending", { name: job.file.name, percent })}</span>
        <progress className="w-full" value={percent} max={100} />
      </label>
      <button type="button" className="button" onClick={() => job.stop.abort()}>
        {t("site.cancel")}
      </button>
    </li>
  );
}
