"use client";

import Link from "next/link";
import { useId } from "react";
import { ApiError } from "@/client/api";
import { type Page, usePagesOf } from "@/client/use-pages";
import { useResource } from "@/client/use-resource";
import { MoreButton } from "@/components/more-button";
import { EmptyNote, ErrorNote, LoadingNote } from "@/components/states";
import type { components as Agent } from "@/contracts/agent-core";
import type { components as Payer } from "@/contracts/mcp-server";
import { useI18n } from "@/i18n/provider";
import { share, usd } from "./money";
import { PaymentList } from "./payment-list";

type Usage = Agent["schemas"]["UsageReport"];
type Spending = Payer["schemas"]["Spending"];
type Payment = Payer["schemas"]["Payment"];

/** While somebody looks at it: what the agent pays meanwhile is there within so long. */
const EVERY_MS = 5000;

function paymentsOf(spending: Spending): Page<Payment> {
  return { items: spending.payments, next_cursor: spending.cursor };
}

/** What the person's conversations cost, what the agent paid for data, and what is left of both. */
export function SpendPage() {
  const { t } = useI18n();
  return (
    <div className="mx-auto flex w-full max-w-5xl flex-col gap-6 p-4">
      <h1>{t("spend.title")}</h1>
      <ModelUse />
      <Payments />
    </div>
  );
}

function Meter({ label, used, whole }: { label: string; used: number; whole: string }) {
  return (
    <label className="flex flex-col gap-1">
      <span>{label}</span>
      <progress className="w-full" value={used} max={100} />
      <span className="text-sm text-quiet">{whole}</span>
    </label>
  );
}

function ModelUse() {
  const { t, language } = useI18n();
  const labelled = useId();
  const { data, error, reload } = useResource<Usage>("/api/usage", EVERY_MS);
  return (
    <section aria-labelledby={labelled} className="panel flex flex-col gap-3">
      <h2 id={labelled}>{t("spend.usage")}</h2>
      {error === undefined ? null : <ErrorNote error={error} retry={reload} />}
      {data ? (
        <>
          {data.quota_usd == null ? (
            <p>{t("spend.usage.unlimited", { spent: usd(data.spent_usd, language) })}</p>
          ) : (
            <Meter
              label={t("spend.usage.of", { spent: usd(data.spent_usd, language), quota: usd(data.quota_usd, language) })}
              used={share(data.spent_usd, data.quota_usd)}
              whole={t("spend.percent", { percent: share(data.spent_usd, data.quota_usd) })}
            />
          )}
          <p className="text-sm text-quiet">{t("spend.usage.text")}</p>
        </>
      ) : error === undefined ? (
        <LoadingNote />
      ) : null}
    </section>
  );
}

function Payments() {
  const { t, language } = useI18n();
  const labelled = useId();
  const pages = usePagesOf<Payment, Spending>("/api/spend", paymentsOf, EVERY_MS);
  const { first: data, error, reload } = pages;
  // A stack without a wallet has no such address.
  const none = error instanceof ApiError && error.status === 404;
  return (
    <section aria-labelledby={labelled} className="flex flex-col gap-3">
      <h2 id={labelled}>{t("spend.payments")}</h2>
      {none ? <EmptyNote>{t("spend.none")}</EmptyNote> : null}
      {error !== undefined && !none ? <ErrorNote error={error} retry={reload} /> : null}
      {data ? (
        <>
          <div className="panel flex flex-col gap-3">
            <Meter
              label={t("spend.left", { left: usd(data.left, language), limit: usd(data.limit_per_day, language) })}
              used={share(Number(data.spent) + Number(data.reserved), data.limit_per_day)}
              whole={t("spend.today", { spent: usd(data.spent, language), reserved: usd(data.reserved, language) })}
            />
            <p className="text-sm text-quiet">
              {t("spend.limits", {
                payment: usd(data.limit_per_payment, language),
                approval: usd(data.approval_above, language),
              })}{" "}
              <Link href="/approvals">{t("nav.approvals")}</Link>
            </p>
            {data.wallet.state === "ready" ? (
              <p className="text-sm break-all text-quiet">
                {t("spend.wallet", { address: data.wallet.address ?? "", network: data.wallet.network })}
              </p>
            ) : (
              <p className="notice">{t("spend.wallet.none")}</p>
            )}
          </div>
          <PaymentList payments={pages.items ?? []} />
          <MoreButton pages={pages} />
        </>
      ) : error === undefined ? (
        <LoadingNote />
      ) : null}
    </section>
  );
}
