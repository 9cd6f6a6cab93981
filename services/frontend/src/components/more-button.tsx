"use client";

import type { Pages } from "@/client/use-pages";
import { useI18n } from "@/i18n/provider";

/** The way to the next page of a list, where there is one. */
export function MoreButton({ pages }: { pages: Pick<Pages<unknown>, "loading" | "more"> }) {
  const { t } = useI18n();
  if (!pages.more) return null;
  return (
    <button type="button" className="button self-start" disabled={pages.loading} onClick={pages.more}>
      {t("site.more")}
    </button>
  );
}
