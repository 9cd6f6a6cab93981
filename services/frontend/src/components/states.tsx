"use client";

import type { ReactNode } from "react";
import { ApiError, told } from "@/client/api";
import { useI18n } from "@/i18n/provider";

export function LoadingNote() {
  const { t } = useI18n();
  return (
    <p role="status" className="p-4 text-quiet">
      {t("site.loading")}
    </p>
  );
}

/** Says what went wrong, and what can be done about it. */
export function ErrorNote({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { t } = useI18n();
  const signedOut = error instanceof ApiError && error.status === 401;
  return (
    <div role="alert" className="notice notice-danger flex flex-wrap items-center gap-3">
      <p className="flex-1">{told(error, t)}</p>
      {signedOut ? (
        <a className="button" href="/sign-in">
          {t("signIn.title")}
        </a>
      ) : retry ? (
        <button type="button" className="button" onClick={retry}>
          {t("site.retry")}
        </button>
      ) : null}
    </div>
  );
}

/** In place of a page whose thing is not there yet, or is not to be had. */
export function Waiting({ error, retry }: { error: unknown; retry: () => void }) {
  return <div className="p-4">{error === undefined ? <LoadingNote /> : <ErrorNote error={error} retry={retry} />}</div>;
}

export function EmptyNote({ children }: { children: ReactNode }) {
  return <p className="p-4 text-quiet">{children}</p>;
}
