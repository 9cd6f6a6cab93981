import type { ReactNode } from "react";
import type { Translate } from "@/i18n/fill";
import type { Language } from "@/i18n/languages";
import type { Theme } from "@/server/preferences";
import { Navigation } from "./navigation";
import { Preferences } from "./preferences";

type Props = { t: Translate; language: Language; theme: Theme; username: string; children: ReactNode };

/** What is around every page of a person who is signed in. */
export function Shell({ t, language, theme, username, children }: Props) {
  return (
    <div className="flex min-h-dvh flex-col">
      <a href="#content" className="button sr-only focus:not-sr-only focus:absolute focus:m-2">
        {t("site.skip")}
      </a>
      <header className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line bg-panel px-4 py-2">
        <span className="font-semibold">{t("site.name")}</span>
        <Navigation />
        <details className="relative ml-auto">
          <summary className="button">{username}</summary>
          <div className="panel absolute right-0 z-10 mt-2 flex w-72 max-w-[90vw] flex-col gap-4">
            <p className="break-words">{t("site.signedInAs", { name: username })}</p>
            <Preferences t={t} language={language} theme={theme} back="/" />
            <form action="/bff/sign-out" method="post">
              <button type="submit" className="button w-full">
                {t("site.signOut")}
              </button>
            </form>
          </div>
        </details>
      </header>
      <main id="content" tabIndex={-1} className="flex min-h-0 flex-1 flex-col outline-none">
        {children}
      </main>
    </div>
  );
}
