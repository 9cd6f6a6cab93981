/** What people upload here, and where it is kept. */
export type MediaKind = "audio" | "video";

/** By the ends of names, for files whose type a browser does not know. */
const BY_ENDING: Record<string, string> = {
  aac: "audio/mp4",
  flac: "audio/flac",
  flv: "video/x-flv",
  m4a: "audio/mp4",
  mkv: "video/x-matroska",
  mov: "video/quicktime",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  mpeg: "video/mpeg",
  mpg: "video/mpeg",
  oga: "audio/ogg",
  ogg: "audio/ogg",
  opus: "audio/opus",
  wav: "audio/wav",
  webm: "video/webm",
  wmv: "video/x-ms-wmv",
};

/** What a file picker offers. */
export const ACCEPTED = "audio/*,video/*";

export type Media = { kind: MediaKind; type: string };

/** What a file is; null for what is neither sound nor video. The services decide whether they take it. */
export function mediaOf(file: { name: string; type: string }): Media | null {
  const type = file.type || (BY_ENDING[file.name.split(".").at(-1)?.toLowerCase() ?? ""] ?? "");
  if (type.startsWith("video/")) return { kind: "video", type };
  if (type.startsWith("audio/") || type === "application/ogg") return { kind: "audio", type };
  return null;
}
