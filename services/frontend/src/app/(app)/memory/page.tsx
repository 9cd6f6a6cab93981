import type { Metadata } from "next";
import { MemoryPage } from "@/memory/memory";
import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("memory.title") };
}

export default function Page() {
  return <MemoryPage />;
}
