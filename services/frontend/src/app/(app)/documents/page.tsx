import type { Metadata } from "next";
import { DocumentsPage } from "@/documents/documents";
import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("documents.title") };
}

export default function Page() {
  return <DocumentsPage />;
}
