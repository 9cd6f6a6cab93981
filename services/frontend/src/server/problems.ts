import "server-only";
import { STATUS_CODES } from "node:http";

export const PROBLEM_TYPE = "application/problem+json";

/** An error that the caller is told about, as a problem document (RFC 9457) like those of all services. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly detail: string,
    /** Names the type of problem where the status alone does not. */
    readonly kind?: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(detail);
  }

  response(instance: string): Response {
    const document = {
      type: this.kind ? `urn:nova:problem:${this.kind}` : "about:blank",
      title: STATUS_CODES[this.status] ?? "Problem",
      status: this.status,
      detail: this.detail,
      instance,
    };
    return new Response(JSON.stringify(document), {
      status: this.status,
      headers: { "content-type": PROBLEM_TYPE, "cache-control": "no-store", ...this.headers },
    });
  }
}

export const signedOut = (): Problem => new Problem(401, "sign in again", "signed-out");
