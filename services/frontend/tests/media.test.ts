import { describe, expect, it } from "vitest";
import { mediaOf } from "@/media/kinds";
import { clock, placeOf } from "@/media/times";
import { contains, heardAt, speakers, type Segment } from "@/media/transcript";
import { addressOf, titleOf, type Hit } from "@/search/hits";
import { reduced } from "@/search/picture";

describe("times", () => {
  it.each([
    [0, "0:00"],
    [65.9, "1:05"],
    [3725, "1:02:05"],
    [-3, "0:00"],
  ])("%d seconds are %s", (seconds, text) => expect(clock(seconds)).toBe(text));

  it.each([
    ["12.5", 12.5],
    ["-1", 0],
    ["soon", 0],
    ["Infinity", 0],
    [undefined, 0],
    [["1", "2"], 0],
  ])("the place %j is %d", (value, place) => expect(placeOf(value)).toBe(place));
});

describe("kinds of media", () => {
  it.each([
    [{ name: "a.wav", type: "audio/wav" }, { kind: "audio", type: "audio/wav" }],
    [{ name: "a.mov", type: "video/quicktime" }, { kind: "video", type: "video/quicktime" }],
    [{ name: "a.ogg", type: "application/ogg" }, { kind: "audio", type: "application/ogg" }],
    [{ name: "A.MKV", type: "" }, { kind: "video", type: "video/x-matroska" }],
    [{ name: "notes.txt", type: "text/plain" }, null],
    [{ name: "unknown", type: "" }, null],
  ])("%j is %j", (file, media) => expect(mediaOf(file)).toEqual(media));
});

describe("a transcript", () => {
  const said = (start: number, text: string, speaker?: string): Segment => ({
    start,
    end: start + 1,
    text,
    ...(speaker ? { speaker } : {}),
  });
  const segments = [said(1, "The bridge is open.", "spk_1"), said(4, "Since spring?", "spk_0"), said(6, "Yes.", "spk_1")];

  it.each([
    [0, -1],
    [1, 0],
    [3.9, 0],
    [4, 1],
    [99, 2],
  ])("at %d seconds segment %d is heard", (place, index) => expect(heardAt(segments, place)).toBe(index));

  it("without segments is never heard", () => expect(heardAt([], 3)).toBe(-1));

  it("is searched by all words, whatever their case", () => {
    const found = (words: string): number[] =>
      segments.flatMap((segment, index) => (contains(segment, words) ? [index] : []));
    expect(found("OPEN bridge")).toEqual([0]);
    expect(found("bridge spring")).toEqual([]);
    expect(found("  ")).toEqual([0, 1, 2]);
  });

  it("numbers speakers by who speaks first", () => {
    expect([...speakers([...segments, said(9, "Hm.")])]).toEqual([
      ["spk_1", 1],
      ["spk_0", 2],
    ]);
  });
});

describe("a hit", () => {
  const hit = (changes: Partial<Hit>): Hit => ({ id: "h", kind: "transcript", score: 1, text: "t", media_id: "m", ...changes });

  it.each([
    [{ kind: "transcript", start: 61.5 }, "/media/audio/m?t=61.5"],
    [{ kind: "video", start: 0 }, "/media/video/m?t=0"],
    [{ kind: "frame", start: 2 }, "/media/video/m?t=2"],
    [{ kind: "document" }, "/documents/m"],
    [{ kind: "image", media_id: "a/b" }, "/documents/a%2Fb"],
  ] as const)("%j leads to %s", (changes, address) => expect(addressOf(hit(changes))).toBe(address));

  it("is called by its title and place", () => {
    expect(titleOf(hit({ title: "Yard", start: 61 }), "Recordings")).toBe("Yard, 1:01");
    expect(titleOf(hit({}), "Recordings")).toBe("Recordings");
  });
});

describe("a picture", () => {
  it.each([
    [4000, 1000, 1024, 256],
    [600, 800, 600, 800],
    [1, 9000, 1, 1024],
  ])("of %d x %d is sent as %d x %d", (width, height, sentWidth, sentHeight) =>
    expect(reduced(width, height)).toEqual({ width: sentWidth, height: sentHeight }));
});
