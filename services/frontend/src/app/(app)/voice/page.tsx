import type { Metadata } from "next";
import { VoicePage } from "@/voice/voice";
import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("voice.title") };
}

export default function Page() {
  return <VoicePage />;
}
