"use client";

import { useI18n } from "@/i18n/provider";

export default function PageError({ reset }: { reset: () => void }) {
  const { t } = useI18n();
  return (
    <div className="mx-auto flex max-w-lg flex-col gap-4 p-6">
      <h1>{t("error.title")}</h1>
      <p role="alert">{t("error.text")}</p>
      <button type="button" className="button button-main" onClick={reset}>
        {t("site.retry")}
      </button>
    </div>
  );
}
