import type { TextKey } from "@/i18n/en";
import type { Translate } from "@/i18n/fill";

/** What the site answered instead of what was asked for; status 0 when it could not be reached. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly detail: string,
    /** The kind of problem (RFC 9457), where it is one that has a name. */
    readonly kind: string,
  ) {
    super(detail);
  }
}

export type Method = "DELETE" | "GET" | "POST";

/** Asks the site for `path`, as `/api/audio`, for the person who is signed in. Throws ApiError. */
export async function call<T>(method: Method, path: string, options: { body?: unknown; signal?: AbortSignal } = {}) {
  const response = await send(`/bff${path}`, {
    method,
    headers: options.body === undefined ? {} : { "content-type": "application/json" },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 || response.status === 202 ? undefined : await response.json()) as T;
}

/** Fetches, and tells a connection that failed like a problem. Whoever aborts gets the abort. */
export async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, cache: "no-store" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "", "unreachable");
  }
}

export async function problemOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const found = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string): string => (typeof found[name] === "string" ? found[name] : "");
  return new ApiError(response.status, text("detail"), kindOf(text("type")));
}

/** The name of a kind of problem; empty for one that its status says all about. */
export function kindOf(type: string): string {
  return type.replace(/^(urn:nova:problem:|about:blank)/, "");
}

const BY_STATUS: Record<number, TextKey> = {
  0: "error.network",
  401: "error.signedOut",
  404: "error.notThere",
  409: "error.conflict",
  429: "error.quota",
  502: "error.away",
  503: "error.away",
  504: "error.away",
};

/** An error in words for the person. */
export function told(error: unknown, t: Translate): string {
  if (!(error instanceof ApiError)) return t("error.text");
  const key = BY_STATUS[error.status];
  if (key) return t(key);
  const refused = error.status === 400 || error.status === 413 || error.status === 415 || error.status === 422;
  return refused ? t("error.invalid", { detail: error.detail }) : t("error.other", { status: error.status });
}
