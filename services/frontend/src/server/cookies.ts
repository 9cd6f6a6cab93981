import "server-only";

/**
 * Cookies of the site. The prefix has browsers take them from this very host alone, over a connection that
 * nobody reads, for all paths; scripts cannot see them.
 */
export const SESSION_COOKIE = "__Host-nova-session";
export const CHALLENGE_COOKIE = "__Host-nova-challenge";
export const LANGUAGE_COOKIE = "__Host-nova-language";
export const THEME_COOKIE = "__Host-nova-theme";

const YEAR_S = 31_536_000;

/** A Set-Cookie line; without `seconds` the cookie goes with the browser's session. */
export function cookie(name: string, value: string, seconds?: number): string {
  const age = seconds === undefined ? "" : `; Max-Age=${Math.floor(seconds)}`;
  return `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax${age}`;
}

export const preference = (name: string, value: string): string => cookie(name, value, YEAR_S);

export const forgotten = (name: string): string => cookie(name, "", 0);

/** The value of a cookie in a request's Cookie header. */
export function cookieOf(request: Request, name: string): string | undefined {
  for (const part of (request.headers.get("cookie") ?? "").split(";")) {
    const [found, ...value] = part.trim().split("=");
    if (found === name) return value.join("=");
  }
  return undefined;
}
