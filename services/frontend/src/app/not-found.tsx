import Link from "next/link";
import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";

export default async function NotFound() {
  const t = translator(await language());
  return (
    <main className="mx-auto flex max-w-lg flex-col gap-4 p-6">
      <h1>{t("error.notFound.title")}</h1>
      <p>{t("error.notFound.text")}</p>
      <p>
        <Link className="button" href="/">
          {t("error.home")}
        </Link>
      </p>
    </main>
  );
}
