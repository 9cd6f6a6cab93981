"use client";

import {
  AuiIf,
  ComposerPrimitive,
  ErrorPrimitive,
  MessagePrimitive,
  ThreadPrimitive,
  type ToolCallMessagePartProps,
} from "@assistant-ui/react";
import { MarkdownTextPrimitive } from "@assistant-ui/react-markdown";
import remarkGfm from "remark-gfm";
import { useI18n } from "@/i18n/provider";

/** As the agent's service has it (MESSAGE_CHARACTERS_MAX). */
const CHARACTERS_MAX = 8000;

export function Thread() {
  const { t } = useI18n();
  return (
    <ThreadPrimitive.Root className="flex min-h-0 flex-1 flex-col">
      <ThreadPrimitive.Viewport className="flex flex-1 flex-col gap-4 overflow-y-auto p-4" tabIndex={0}>
        <AuiIf condition={({ thread }) => thread.isEmpty}>
          <div className="m-auto flex flex-col gap-2 text-center">
            <h2>{t("chat.empty.title")}</h2>
            <p className="text-quiet">{t("chat.empty.text")}</p>
          </div>
        </AuiIf>
        <ThreadPrimitive.Messages>
          {({ message }) => (message.role === "user" ? <UserMessage /> : <AssistantMessage />)}
        </ThreadPrimitive.Messages>
      </ThreadPrimitive.Viewport>
      <AuiIf condition={({ thread }) => thread.isRunning}>
        <p role="status" className="px-4 text-sm text-quiet">
          {t("chat.working")}
        </p>
      </AuiIf>
      <Composer />
    </ThreadPrimitive.Root>
  );
}

function Composer() {
  const { t } = useI18n();
  return (
    <ComposerPrimitive.Root className="flex items-end gap-2 border-t border-line p-4">
      <ComposerPrimitive.Input
        aria-label={t("chat.input")}
        placeholder={t("chat.input")}
        maxLength={CHARACTERS_MAX}
        rows={1}
        className="field max-h-40 resize-none py-2"
      />
      <AuiIf condition={({ thread }) => !thread.isRunning}>
        <ComposerPrimitive.Send className="button button-main">{t("chat.send")}</ComposerPrimitive.Send>
      </AuiIf>
      <AuiIf condition={({ thread }) => thread.isRunning}>
        <ComposerPrimitive.Cancel className="button button-danger">{t("chat.stop")}</ComposerPrimitive.Cancel>
      </AuiIf>
    </ComposerPrimitive.Root>
  );
}

function UserMessage() {
  const { t } = useI18n();
  return (
    <MessagePrimitive.Root className="ml-auto max-w-[85%] rounded-xl bg-raised px-4 py-2 whitespace-pre-wrap break-words">
      <span className="sr-only">{t("chat.you")}: </span>
      <MessagePrimitive.Parts />
    </MessagePrimitive.Root>
  );
}

function AssistantMessage() {
  const { t } = useI18n();
  return (
    <MessagePrimitive.Root className="flex max-w-3xl flex-col gap-2 break-words">
      <span className="sr-only">{t("chat.agent")}: </span>
      <MessagePrimitive.Parts components={{ Text: Markdown, tools: { Fallback: ToolUse } }} />
      <MessagePrimitive.Error>
        <ErrorPrimitive.Root className="notice notice-danger">
          <ErrorPrimitive.Message />
        </ErrorPrimitive.Root>
      </MessagePrimitive.Error>
    </MessagePrimitive.Root>
  );
}

function Markdown() {
  return <MarkdownTextPrimitive remarkPlugins={[remarkGfm]} className="markdown" />;
}

function ToolUse({ toolName, argsText, result, isError }: ToolCallMessagePartProps) {
  const { t } = useI18n();
  const state = result === undefined ? "started" : isError === true ? "failed" : "completed";
  return (
    <details className="panel py-2 text-sm" data-tool={toolName} data-state={state}>
      <summary>{t(`chat.tool.${state}`, { name: toolName })}</summary>
      {argsText ? (
        <>
          <p className="mt-2 text-quiet">{t("chat.tool.input")}</p>
          <pre className="overflow-x-auto">{argsText}</pre>
        </>
      ) : null}
    </details>
  );
}
