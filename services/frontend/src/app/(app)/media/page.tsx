import type { Metadata } from "next";
import { translator } from "@/i18n/texts";
import { MediaPage } from "@/media/media";
import { language } from "@/server/preferences";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("media.title") };
}

export default function Page() {
  return <MediaPage />;
}
