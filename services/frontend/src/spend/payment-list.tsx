"use client";

import { EmptyNote } from "@/components/states";
import type { components } from "@/contracts/mcp-server";
import { useI18n } from "@/i18n/provider";
import { usd } from "./money";

type Payment = components["schemas"]["Payment"];

/** What the agent paid, or did not, for the person. */
export function PaymentList({ payments }: { payments: readonly Payment[] }) {
  const { t, language } = useI18n();
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  if (payments.length === 0) return <EmptyNote>{t("spend.payments.empty")}</EmptyNote>;
  return (
    <ul className="flex flex-col divide-y divide-line border-y border-line">
      {payments.map((payment) => (
        <li key={payment.id} className="flex flex-wrap items-baseline gap-x-4 gap-y-1 py-3" data-payment={payment.status}>
          <strong className="tabular-nums">{usd(payment.amount, language)}</strong>
          <span className={payment.status === "paid" ? "text-good" : payment.status === "waiting" ? "text-accent" : "text-danger"}>
            {t(`spend.status.${payment.status}`)}
          </span>
          <span className="min-w-40 flex-1 break-words">
            {payment.description || payment.tool}
            {payment.reason ? <span className="block text-sm text-quiet">{payment.reason}</span> : null}
            {payment.transaction ? (
              <span className="block text-sm break-all text-quiet">{t("spend.transaction", { id: payment.transaction })}</span>
            ) : null}
          </span>
          <time dateTime={payment.occurred_at} className="text-sm text-quiet">
            {time.format(new Date(payment.occurred_at))}
          </time>
        </li>
      ))}
    </ul>
  );
}
