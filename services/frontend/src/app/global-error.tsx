"use client";

import { en } from "@/i18n/en";
import { ja } from "@/i18n/ja";

/** In place of the whole document, of which nobody knows how far it got: the browser's language decides. */
export default function GlobalError({ reset }: { reset: () => void }) {
  const japanese = typeof navigator !== "undefined" && navigator.language.startsWith("ja");
  const texts = japanese ? ja : en;
  return (
    <html lang={japanese ? "ja" : "en"}>
      <body>
        <main>
          <h1>{texts["error.title"]}</h1>
          <p>{texts["error.text"]}</p>
          <button type="button" onClick={reset}>
            {texts["site.retry"]}
          </button>
        </main>
      </body>
    </html>
  );
}
