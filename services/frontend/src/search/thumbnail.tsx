"use client";

import { useResource } from "@/client/use-resource";
import type { components as Documents } from "@/contracts/search";
import type { components as Videos } from "@/contracts/video";
import type { Hit } from "./hits";

type Document = Documents["schemas"]["Document"];
type KeyFrames = Videos["schemas"]["KeyFrames"];

/** How far the place of a hit and of its key frame may be apart, in seconds: both are rounded. */
const APART_SECONDS_MAX = 0.05;

/** The picture that was found; nothing while it is not there, since what it shows stands beside it. */
export function Thumbnail({ hit }: { hit: Hit }) {
  if (!hit.media_id) return null;
  if (hit.kind === "frame") return <Frame video={hit.media_id} at={hit.start ?? 0} />;
  if (hit.kind === "image") return <Image document={hit.media_id} />;
  return null;
}

function Frame({ video, at }: { video: string; at: number }) {
  const { data } = useResource<KeyFrames>(`/api/video/${encodeURIComponent(video)}/key-frames`);
  const found = data?.frames.find((frame) => Math.abs(frame.at - at) <= APART_SECONDS_MAX);
  return found ? <Picture format="jpeg" content={found.image} /> : null;
}

function Image({ document }: { document: string }) {
  const { data } = useResource<Document>(`/api/documents/${encodeURIComponent(document)}`);
  return data?.image ? <Picture format={data.image_format ?? "jpeg"} content={data.image} /> : null;
}

function Picture({ format, content }: { format: string; content: string }) {
  return <img src={`data:image/${format};base64,${content}`} alt="" className="h-24 w-32 rounded-md bg-black object-contain" />;
}
