import type { ReactNode } from "react";
import { Shell } from "@/components/shell";
import { I18nProvider } from "@/i18n/provider";
import { TEXTS, translator } from "@/i18n/texts";
import { signedIn } from "@/server/people";
import { language, theme } from "@/server/preferences";

export default async function AppLayout({ children }: { children: ReactNode }) {
  const session = await signedIn();
  const [chosen, appearance] = [await language(), await theme()];
  return (
    <I18nProvider language={chosen} texts={TEXTS[chosen]}>
      <Shell t={translator(chosen)} language={chosen} theme={appearance} username={session.username}>
        {children}
      </Shell>
    </I18nProvider>
  );
}
