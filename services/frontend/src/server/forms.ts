import "server-only";
import { Problem } from "./problems";

const FORM_BYTES_MAX = 8 * 1024;

/** Reads a small form's text fields. Throws a Problem for anything else. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get("content-type") ?? "";
  if (!type.startsWith("application/x-www-form-urlencoded")) throw new Problem(415, "this is a form's address");
  return new URLSearchParams(await readText(request, FORM_BYTES_MAX));
}

/** Reads a body of at most so many bytes, however long it says that it is. Throws a Problem for a longer one. */
export async function readText(request: Request, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const { value } = (await reader?.read()) ?? {};
    if (!value) break;
    size += value.byteLength;
    if (size > bytesMax) throw new Problem(413, `a body has at most ${bytesMax} bytes`);
    chunks.push(value);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Sends a browser on to a page of the site, by GET, with cookies to set. */
export function sendTo(path: string, ...setCookies: string[]): Response {
  const headers = new Headers({ location: path, "cache-control": "no-store" });
  for (const line of setCookies) headers.append("set-cookie", line);
  return new Response(null, { status: 303, headers });
}

/** A path of this site to go on to, from a field that anybody may have written. */
export function localPath(value: string | null, otherwise: string): string {
  if (!value?.startsWith("/") || /^\/[/\\]/.test(value) || /[\x00-\x20\\]/.test(value)) return otherwise;
  return value;
}
