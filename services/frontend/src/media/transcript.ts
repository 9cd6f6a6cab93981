import type { components } from "@/contracts/audio";

export type Transcript = components["schemas"]["Transcript"];
export type Segment = components["schemas"]["TranscriptSegment"];

/** The segment that is heard at `place` seconds: the last that has begun; -1 before the first. */
export function heardAt(segments: readonly Segment[], place: number): number {
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle]?.start ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether a segment has all words that somebody looks for. */
export function contains(segment: Segment, words: string): boolean {
  const text = segment.text.toLocaleLowerCase();
  return words
    .toLocaleLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Names of speakers as people read them, by the ids that the transcript has, in the order of their first words. */
export function speakers(segments: readonly Segment[]): Map<string, number> {
  const ids = new Set(segments.flatMap(({ speaker }) => (speaker ? [speaker] : [])));
  return new Map([...ids].map((id, index) => [id, index + 1]));
}
