import type { components } from "@/contracts/search";
import { clock } from "@/media/times";

export type Hit = components["schemas"]["SearchHit"];
export type HitKind = components["schemas"]["HitKind"];

export const HIT_KINDS: readonly HitKind[] = ["transcript", "document", "image", "video", "frame"];

/** The page that shows a hit, at its place where it has one. */
export function addressOf(hit: Hit): string {
  const id = encodeURIComponent(hit.media_id ?? "");
  const place = typeof hit.start === "number" ? `?t=${hit.start}` : "";
  switch (hit.kind) {
    case "transcript":
      return `/media/audio/${id}${place}`;
    case "video":
    case "frame":
      return `/media/video/${id}${place}`;
    case "document":
    case "image":
      return `/documents/${id}`;
  }
}

/** What a hit is called, with its place. */
export function titleOf(hit: Hit, unnamed: string): string {
  const name = hit.title ?? unnamed;
  return typeof hit.start === "number" ? `${name}, ${clock(hit.start)}` : name;
}
