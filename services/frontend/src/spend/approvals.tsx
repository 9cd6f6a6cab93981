"use client";

import { useState } from "react";
import { ApiError, call } from "@/client/api";
import { useResource } from "@/client/use-resource";
import { EmptyNote, ErrorNote, LoadingNote } from "@/components/states";
import type { components } from "@/contracts/mcp-server";
import { useI18n } from "@/i18n/provider";
import { usd } from "./money";

type Approvals = components["schemas"]["Approvals"];
type Approval = components["schemas"]["Approval"];

const EVERY_MS = 5000;

/** Payments that wait for the person, and what became of those before. */
export function ApprovalsPage() {
  const { t } = useI18n();
  const { data, error, reload } = useResource<Approvals>("/api/approvals", EVERY_MS);
  // A stack without a wallet has no such address.
  const none = error instanceof ApiError && error.status === 404;
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-4 p-4">
      <h1>{t("approvals.title")}</h1>
      <p className="text-quiet">{t("approvals.text")}</p>
      {none ? <EmptyNote>{t("spend.none")}</EmptyNote> : null}
      {error !== undefined && !none ? <ErrorNote error={error} retry={reload} /> : null}
      {data ? (
        data.items.length === 0 ? (
          <EmptyNote>{t("approvals.empty")}</EmptyNote>
        ) : (
          <ul className="flex flex-col gap-3">
            {data.items.map((item) => (
              <Asked key={item.id} item={item} decided={reload} />
            ))}
          </ul>
        )
      ) : error === undefined ? (
        <LoadingNote />
      ) : null}
    </div>
  );
}

function Asked({ item, decided }: { item: Approval; decided: () => void }) {
  const { t, language } = useI18n();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const decide = async (decision: "approve" | "reject"): Promise<void> => {
    setBusy(true);
    try {
      await call("POST", `/api/approvals/${item.id}/${decision}`);
      setError(undefined);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
      decided();
    }
  };
  const amount = usd(item.amount, language);
  return (
    <li className="panel flex flex-col gap-2" data-approval={item.state}>
      <div className="flex flex-wrap items-baseline gap-x-4">
        <strong>{amount}</strong>
        <span className="min-w-40 flex-1 break-words">{item.description || item.tool}</span>
        <span>{t(`approvals.state.${item.state}`)}</span>
      </div>
      <p className="text-sm break-all text-quiet">{t("approvals.payee", { payee: item.payee, network: item.network })}</p>
      {item.state === "waiting" ? (
        <div className="flex flex-wrap items-center gap-3">
          <button
            type="button"
            className="button button-main"
            disabled={busy}
            aria-label={t("approvals.approve.one", { amount, description: item.description })}
            onClick={() => void decide("approve")}
          >
            {t("approvals.approve")}
          </button>
          <button
            type="button"
            className="button button-danger"
            disabled={busy}
            aria-label={t("approvals.reject.one", { amount, description: item.description })}
            onClick={() => void decide("reject")}
          >
            {t("approvals.reject")}
          </button>
          <span className="text-sm text-quiet">{t("approvals.until", { time: time.format(new Date(item.expires_at)) })}</span>
        </div>
      ) : null}
      {item.state === "approved" ? <p className="text-sm text-quiet">{t("approvals.next")}</p> : null}
      {error === undefined ? null : <ErrorNote error={error} />}
    </li>
  );
}
