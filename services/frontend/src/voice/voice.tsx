"use client";

import Link from "next/link";
import { useEffect, useId, useRef, useState } from "react";
import { usePages } from "@/client/use-pages";
import { PageList } from "@/components/page-list";
import { ErrorNote } from "@/components/states";
import type { components } from "@/contracts/projector";
import { useI18n } from "@/i18n/provider";
import type { Message } from "./messages";
import { NoMicrophoneError, Talk } from "./talk";
import { Said } from "./said";
import { heard, type Turn } from "./turns";

type Summary = components["schemas"]["LiveConversationSummary"];
type Closing = Extract<Message, { type: "closing" }>;

/** `idle`: nobody talks; `opening`: until the model listens; then by turns `listening` and `speaking`. */
type State = "idle" | "opening" | "listening" | "speaking" | "retrying";

/** A conversation is in the list a moment after its end: it comes there by events. */
const BEHIND_MS = 1500;

/** Talking with the agent, and what was said before. */
export function VoicePage() {
  const { t } = useI18n();
  const talk = useRef<Talk | null>(null);
  const [state, setState] = useState<State>("idle");
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const [closing, setClosing] = useState<Closing | null>(null);
  const [error, setError] = useState<unknown>();
  const pages = usePages<Summary>("/api/speaking-sessions");
  const { reload } = pages;
  useEffect(() => () => talk.current?.end(), []);

  const received = (message: Message): void => {
    if (message.type === "ready" || message.type === "renewed") setState("listening");
    if (message.type === "retrying") setState("retrying");
    if (message.type === "closing") setClosing(message);
    setTurns((before) => heard(before, message));
  };
  const begin = (): void => {
    setTurns([]);
    setClosing(null);
    setError(undefined);
    setState("opening");
    talk.current = new Talk({
      message: received,
      speaking: (speaking) => setState((now) => (now === "idle" ? now : speaking ? "speaking" : "listening")),
      over: (failure) => {
        setState("idle");
        setError(failure);
        setTimeout(reload, BEHIND_MS);
      },
    });
    void talk.current.begin();
  };
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6 p-4">
      <h1>{t("voice.title")}</h1>
      <section className="panel flex flex-col items-center gap-4 text-center">
        <p role="status" data-state={state} className="text-lg">
          {t(`voice.state.${state}`)}
        </p>
        {state === "idle" ? (
          <button type="button" className="button button-main" onClick={begin}>
            {t("voice.begin")}
          </button>
        ) : (
          <button type="button" className="button button-danger" onClick={() => talk.current?.end()}>
            {t("voice.end")}
          </button>
        )}
        {closing && closing.reason !== "ended" ? <p className="notice">{t(`voice.ending.${closing.reason}`)}</p> : null}
        {error instanceof NoMicrophoneError ? (
          <p role="alert" className="notice notice-danger">
            {t("voice.microphone")}
          </p>
        ) : error === undefined ? null : (
          <ErrorNote error={error} retry={begin} />
        )}
      </section>
      <div aria-live="polite">
        <Said turns={turns} />
      </div>
      <Earlier pages={pages} />
    </div>
  );
}

function Earlier({ pages }: { pages: ReturnType<typeof usePages<Summary>> }) {
  const { t, language } = useI18n();
  const labelled = useId();
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  return (
    <section aria-labelledby={labelled} className="flex flex-col gap-2">
      <h2 id={labelled}>{t("voice.earlier")}</h2>
      <PageList pages={pages} empty={t("voice.earlier.empty")}>
        {(item) => (
          <>
            <Link href={`/voice/${item.id}`} className="flex-1">
              {time.format(new Date(item.created_at))}
            </Link>
            <span className="text-quiet">{t("voice.turns", { count: item.turns })}</span>
          </>
        )}
      </PageList>
    </section>
  );
}
