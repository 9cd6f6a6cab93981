import type { TextKey } from "./en";

/** A function that gives texts of one language. */
export type Translate = (key: TextKey, values?: Record<string, string | number>) => string;

/** A text with its `{names}` filled in; a name without a value stays as it is. */
export function fill(text: string, values: Record<string, string | number> = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
