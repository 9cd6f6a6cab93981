"use client";

import { createContext, useContext, useMemo, type ReactNode } from "react";
import type { Texts } from "./en";
import type { Language } from "./languages";
import { fill, type Translate } from "./fill";

type Known = { language: Language; t: Translate };

const Context = createContext<Known | null>(null);

/** Gives the texts of one language, which the server chose, to components that run in the browser. */
export function I18nProvider(props: { language: Language; texts: Texts; children: ReactNode }) {
  const { language, texts, children } = props;
  const known = useMemo<Known>(() => ({ language, t: (key, values) => fill(texts[key], values) }), [language, texts]);
  return <Context value={known}>{children}</Context>;
}

export function useI18n(): Known {
  const known = useContext(Context);
  if (!known) throw new Error("there is no I18nProvider around this component");
  return known;
}
