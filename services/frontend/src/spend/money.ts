/** At least cents, and as many digits as are needed to tell small sums from nothing. */
const DIGITS = { minimumFractionDigits: 2, maximumFractionDigits: 6 };

/** An amount of US dollars, which comes as a decimal number in text or as a number. */
export function usd(amount: string | number, language: string): string {
  return new Intl.NumberFormat(language, { style: "currency", currency: "USD", ...DIGITS }).format(Number(amount));
}

/** How much of a whole is used, in percent from 0 to 100. */
export function share(used: string | number, whole: string | number): number {
  const all = Number(whole);
  return all > 0 ? Math.min(100, Math.max(0, Math.round((Number(used) / all) * 100))) : 0;
}
