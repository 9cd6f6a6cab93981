"use client";

import type { components } from "@/contracts/audio";
import { useI18n } from "@/i18n/provider";

export type MediaStatus = components["schemas"]["RecordingStatus"];

/** Whether something may still change without anybody's doing. */
export const isOpen = (status: MediaStatus): boolean => status === "awaiting_upload" || status === "processing";

/** How often an open state is asked for; one that is settled is not. */
export const OPEN_MS = 2000;

export function Status({ status, reason }: { status: MediaStatus; reason?: string | null | undefined }) {
  const { t } = useI18n();
  const colour = { awaiting_upload: "text-quiet", processing: "text-accent", completed: "text-good", failed: "text-danger" };
  return (
    <span className={colour[status]} data-status={status}>
      {t(`media.status.${status}`)}
      {reason ? `: ${reason}` : null}
    </span>
  );
}
