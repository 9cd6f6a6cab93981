import type { Metadata } from "next";
import { translator } from "@/i18n/texts";
import { SearchPage } from "@/search/search";
import { language } from "@/server/preferences";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("search.title") };
}

export default function Page() {
  return <SearchPage />;
}
