import { randomBytes } from "node:crypto";
import { type NextRequest, NextResponse } from "next/server";
import { contentPolicy } from "@/server/policy";
import { settings } from "@/server/settings";

/** Gives each page a nonce of its own, by which the browser knows the scripts that belong to it. */
export function proxy(request: NextRequest): NextResponse {
  const nonce = randomBytes(16).toString("base64");
  const policy = contentPolicy(nonce, settings().contentOrigin);
  const headers = new Headers(request.headers);
  // Next reads the nonce from here, and puts it on its own scripts.
  headers.set("content-security-policy", policy);
  headers.set("x-nonce", nonce);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  response.headers.set("permissions-policy", "camera=(), geolocation=(), microphone=(self)");
  response.headers.set("cross-origin-opener-policy", "same-origin");
  return response;
}

export const config = { matcher: ["/((?!_next/static|bff/|health$|icon.svg$).*)"] };
