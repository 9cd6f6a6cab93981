"use client";

import { useState } from "react";
import { useI18n } from "@/i18n/provider";
import { pictureOf } from "./picture";

type Props = { label: string; picture: string | null; chosen: (picture: string | null) => void };

/** Lets a person choose a picture, shows it, and gives it as JPEG in base64. */
export function PictureField({ label, picture, chosen }: Props) {
  const { t } = useI18n();
  const [unreadable, setUnreadable] = useState(false);
  const read = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    try {
      chosen(await pictureOf(file));
      setUnreadable(false);
    } catch {
      chosen(null);
      setUnreadable(true);
    }
  };
  return (
    <div className="flex flex-col gap-2">
      <label className="flex flex-col gap-1 text-sm">
        {label}
        <input
          type="file"
          accept="image/*"
          className="field py-2"
          onChange={(event) => {
            void read(event.target.files?.[0]);
            event.target.value = "";
          }}
        />
      </label>
      {unreadable ? (
        <p role="alert" className="notice notice-danger">
          {t("search.image.unreadable")}
        </p>
      ) : null}
      {picture === null ? null : (
        <div className="flex items-center gap-3">
          <img src={`data:image/jpeg;base64,${picture}`} alt={t("search.image.chosen")} className="h-20 rounded-md" />
          <button type="button" className="button" onClick={() => chosen(null)}>
            {t("search.image.forget")}
          </button>
        </div>
      )}
    </div>
  );
}
