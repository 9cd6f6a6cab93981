import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Chat } from "@/chat/chat";
import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";
import { settings } from "@/server/settings";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("chat.title") };
}

export default async function ChatPage({ params }: { params: Promise<{ id?: string[] }> }) {
  const { id = [] } = await params;
  if (id.length > 1) notFound();
  const hosts = settings().managedAgent ? (["fargate", "runtime"] as const) : (["fargate"] as const);
  return <Chat id={id[0] ?? null} hosts={hosts} />;
}
