import type { Metadata } from "next";
import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";
import { ConversationPage } from "@/voice/conversation";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("voice.title") };
}

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ConversationPage key={id} id={id} />;
}
