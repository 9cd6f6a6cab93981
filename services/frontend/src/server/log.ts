import "server-only";

type Level = "INFO" | "WARNING" | "ERROR";

/**
 * Writes one line of JSON in the form that all services log in. Ids, counts, routes and durations only: no
 * tokens, no names, no content.
 */
export function log(level: Level, message: string, fields: Record<string, unknown> = {}, error?: unknown): void {
  const entry = {
    time: new Date().toISOString(),
    level,
    service: process.env.SERVICE_NAME ?? "frontend",
    message,
    ...fields,
    ...(error === undefined ? {} : { exception: described(error) }),
  };
  process.stdout.write(`${JSON.stringify(entry)}\n`);
}

/** The kind of an error and where it arose: its message may quote what a person wrote. */
function described(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const stack = error.stack?.split("\n").slice(1, 6).map((line) => line.trim()) ?? [];
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  return [`${error.name}${code}`, ...stack].join(" ");
}
