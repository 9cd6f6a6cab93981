import { CAPTURE_SOURCE } from "@/voice/capture";

/** The microphone's worklet: a file of its own, since a worklet is loaded by its address. */
export const dynamic = "force-static";

export function GET(): Response {
  return new Response(CAPTURE_SOURCE, { headers: { "content-type": "text/javascript; charset=utf-8" } });
}
