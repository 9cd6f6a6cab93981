import type { Metadata } from "next";
import { ApprovalsPage } from "@/spend/approvals";
import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("approvals.title") };
}

export default function Page() {
  return <ApprovalsPage />;
}
