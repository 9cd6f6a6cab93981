import { LANGUAGES, LANGUAGE_NAMES, type Language } from "@/i18n/languages";
import type { Translate } from "@/i18n/fill";
import { THEMES, type Theme } from "@/server/preferences";

/** Chooses language and appearance by a form, which needs no script; it comes back to the page `back`. */
export function Preferences(props: { t: Translate; language: Language; theme: Theme; back: string }) {
  const { t, language, theme, back } = props;
  return (
    <form action="/bff/preferences" method="post" className="flex flex-wrap items-end gap-3">
      <input type="hidden" name="back" value={back} />
      <label className="flex flex-col gap-1 text-sm">
        {t("site.language")}
        <select name="language" defaultValue={language} className="field">
          {LANGUAGES.map((code) => (
            <option key={code} value={code} lang={code}>
              {LANGUAGE_NAMES[code]}
            </option>
          ))}
        </select>
      </label>
      <label className="flex flex-col gap-1 text-sm">
        {t("site.theme")}
        <select name="theme" defaultValue={theme} className="field">
          {THEMES.map((name) => (
            <option key={name} value={name}>
              {t(`site.theme.${name}`)}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" className="button">
        {t("site.apply")}
      </button>
    </form>
  );
}
