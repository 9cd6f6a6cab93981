import { translator } from "@/i18n/texts";
import { language } from "@/server/preferences";

export default async function Loading() {
  const t = translator(await language());
  return (
    <p role="status" className="p-6 text-quiet">
      {t("site.loading")}
    </p>
  );
}
