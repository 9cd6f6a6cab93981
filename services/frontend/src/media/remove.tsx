"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";
import { call } from "@/client/api";
import { ErrorNote } from "@/components/states";
import type { TextKey } from "@/i18n/en";
import { useI18n } from "@/i18n/provider";

/** Deletes something of the person's for good, after asking, and goes to the page `after`. */
export function Remove({ path, question, after }: { path: string; question: TextKey; after: string }) {
  const { t } = useI18n();
  const router = useRouter();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const remove = async (): Promise<void> => {
    if (!window.confirm(t(question))) return;
    setBusy(true);
    try {
      await call("DELETE", path);
      router.push(after);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" className="button button-danger" disabled={busy} onClick={() => void remove()}>
        {t("site.delete")}
      </button>
      {error === undefined ? null : <ErrorNote error={error} />}
    </>
  );
}
