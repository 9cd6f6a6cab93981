import type { Metadata } from "next";
import { SpendPage } from "@/spend/spend";
import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("spend.title") };
}

export default function Page() {
  return <SpendPage />;
}
