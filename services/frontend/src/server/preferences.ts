import "server-only";
import { cookies, headers } from "next/headers";
import { accepted, isLanguage, type Language } from "@/i18n/languages";
import { LANGUAGE_COOKIE, THEME_COOKIE } from "./cookies";

/** `system` follows the device. */
export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export const isTheme = (value: string): value is Theme => (THEMES as readonly string[]).includes(value);

/** The language of a page: chosen by the person, else the browser's first that there is. */
export async function language(): Promise<Language> {
  const chosen = (await cookies()).get(LANGUAGE_COOKIE)?.value ?? "";
  return isLanguage(chosen) ? chosen : accepted((await headers()).get("accept-language"));
}

export async function theme(): Promise<Theme> {
  const chosen = (await cookies()).get(THEME_COOKIE)?.value ?? "";
  return isTheme(chosen) ? chosen : "system";
}
