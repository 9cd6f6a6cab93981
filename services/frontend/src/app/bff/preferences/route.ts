import { isLanguage } from "@/i18n/languages";
import { LANGUAGE_COOKIE, THEME_COOKIE, preference } from "@/server/cookies";
import { localPath, readForm, sendTo } from "@/server/forms";
import { guarded } from "@/server/guard";
import { Problem } from "@/server/problems";
import { isTheme } from "@/server/preferences";

export const POST = guarded(async (request) => {
  const form = await readForm(request);
  const language = form.get("language");
  const theme = form.get("theme");
  const chosen: string[] = [];
  if (language !== null) {
    if (!isLanguage(language)) throw new Problem(422, "there is no such language");
    chosen.push(preference(LANGUAGE_COOKIE, language));
  }
  if (theme !== null) {
    if (!isTheme(theme)) throw new Problem(422, "there is no such theme");
    chosen.push(preference(THEME_COOKIE, theme));
  }
  return sendTo(localPath(form.get("back"), "/"), ...chosen);
});
