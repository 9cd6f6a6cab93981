import { en, type Texts } from "./en";
import { fill, type Translate } from "./fill";
import { ja } from "./ja";
import type { Language } from "./languages";

/** For the server alone: browsers get the texts of their own language. */
export const TEXTS: Record<Language, Texts> = { en, ja };

export function translator(language: Language): Translate {
  return (key, values) => fill(TEXTS[language][key], values);
}
