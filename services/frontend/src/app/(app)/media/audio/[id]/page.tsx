import type { Metadata } from "next";
import { translator } from "@/i18n/texts";
import { RecordingPage } from "@/media/recording";
import { placeOf } from "@/media/times";
import { language } from "@/server/preferences";

type Props = { params: Promise<{ id: string }>; searchParams: Promise<{ t?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("media.recording.title") };
}

export default async function Page({ params, searchParams }: Props) {
  const [{ id }, { t }] = [await params, await searchParams];
  return <RecordingPage key={id} id={id} start={placeOf(t)} />;
}
