import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { translator } from "@/i18n/texts";
import { language, theme } from "@/server/preferences";
import "./globals.css";

export async function generateMetadata(): Promise<Metadata> {
  const name = translator(await language())("site.name");
  return { title: { default: name, template: `%s – ${name}` }, robots: { index: false, follow: false } };
}

export const viewport: Viewport = { width: "device-width", initialScale: 1, colorScheme: "light dark" };

export default async function RootLayout({ children }: { children: ReactNode }) {
  const [chosen, appearance] = [await language(), await theme()];
  return (
    <html lang={chosen} data-theme={appearance}>
      <body className="min-h-dvh font-sans antialiased">{children}</body>
    </html>
  );
}
