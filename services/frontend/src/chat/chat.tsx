"use client";

import { AssistantRuntimeProvider, useLocalRuntime, type ThreadMessageLike } from "@assistant-ui/react";
import { useRouter } from "next/navigation";
import { useCallback, useMemo, useState } from "react";
import { useResource } from "@/client/use-resource";
import { ErrorNote, LoadingNote } from "@/components/states";
import { useI18n } from "@/i18n/provider";
import { chatAdapter, Conversation, type Host } from "./adapter";
import { messagesOf, type SessionView } from "./history";
import { SessionList } from "./session-list";
import { Thread } from "./thread";

/** The conversation `id`, or a new one, beside the list of all. */
export function Chat({ id, hosts }: { id: string | null; hosts: readonly Host[] }) {
  const { t } = useI18n();
  const router = useRouter();
  const view = useResource<SessionView>(id === null ? null : `/api/sessions/${id}`);
  const [changed, setChanged] = useState(0);
  const [fresh, setFresh] = useState(0);
  const messages = useMemo(() => (view.data ? messagesOf(view.data, t) : []), [view.data, t]);
  const ended = useCallback(() => setChanged((count) => count + 1), []);
  const started = useCallback(() => {
    router.push("/chat");
    setFresh((count) => count + 1);
  }, [router]);
  return (
    <div className="flex min-h-0 flex-1 flex-col md:h-[calc(100dvh-4rem)] md:flex-row">
      <SessionList current={id} changed={changed} started={started} />
      <section aria-label={t("chat.title")} className="flex min-h-[70dvh] min-w-0 flex-1 flex-col">
        <h1 className="sr-only">{t("chat.title")}</h1>
        {view.loading ? (
          <LoadingNote />
        ) : view.error !== undefined && !view.data ? (
          <div className="p-4">
            <ErrorNote error={view.error} retry={view.reload} />
          </div>
        ) : (
          <Talk key={id ?? `new-${fresh}`} id={id} hosts={hosts} messages={messages} ended={ended} />
        )}
      </section>
    </div>
  );
}

type TalkProps = {
  id: string | null;
  hosts: readonly Host[];
  messages: readonly ThreadMessageLike[];
  ended: () => void;
};

function Talk({ id, hosts, messages, ended }: TalkProps) {
  const { t } = useI18n();
  const [host, setHost] = useState<Host>(hosts[0] ?? "fargate");
  const [percent, setPercent] = useState<number | null>(null);
  const [conversation] = useState(() => new Conversation(id, host));
  const adapter = useMemo(
    () => chatAdapter(conversation, { ended, quota: setPercent }, t),
    [conversation, ended, t],
  );
  const runtime = useLocalRuntime(adapter, { initialMessages: messages });
  const choose = (next: Host): void => {
    conversation.choose(next);
    setHost(next);
  };
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      {hosts.length > 1 ? <HostChoice hosts={hosts} host={host} choose={choose} /> : null}
      {percent === null ? null : (
        <p role="status" className="notice m-4">
          {t("chat.quota", { percent })}
        </p>
      )}
      <Thread />
    </AssistantRuntimeProvider>
  );
}

function HostChoice(props: { hosts: readonly Host[]; host: Host; choose: (host: Host) => void }) {
  const { t } = useI18n();
  return (
    <fieldset className="flex flex-wrap items-center gap-4 border-b border-line px-4 py-2">
      <legend className="sr-only">{t("chat.host")}</legend>
      {props.hosts.map((name) => (
        <label key={name} className="flex min-h-8 items-center gap-2">
          <input type="radio" name="host" value={name} checked={props.host === name} onChange={() => props.choose(name)} />
          {t(`chat.host.${name}`)}
        </label>
      ))}
    </fieldset>
  );
}
