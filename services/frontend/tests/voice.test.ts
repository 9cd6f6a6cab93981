import { describe, expect, it } from "vitest";
import { readMessage, type Message } from "@/voice/messages";
import { Framer, playable } from "@/voice/sound";
import { heard, type Turn } from "@/voice/turns";

const samples = (frames: readonly ArrayBuffer[]): number[] => frames.flatMap((frame) => [...new Int16Array(frame)]);

describe("the microphone's sound", () => {
  it("becomes frames of one size at the protocol's rate, whatever the blocks", () => {
    const framer = new Framer(48_000, 16_000, 0.01);
    const blocks = Array.from({ length: 8 }, () => new Float32Array(128).fill(0.5));
    const frames = blocks.flatMap((block) => framer.push(block));
    // 1,024 samples of the source are 341 of the protocol: two frames of 160.
    expect(frames.map((frame) => frame.byteLength)).toEqual([320, 320]);
    expect(new Set(samples(frames))).toEqual(new Set([16_384]));
  });

  it("is the mean of what it stands for", () => {
    const framer = new Framer(4, 2, 1);
    expect(samples(framer.push(Float32Array.of(0, 1, -1, 0)))).toEqual([16_384, -16_383]);
  });

  it.each([44_100, 22_050, 16_000, 8_000])("keeps its length from %d Hz", (rate) => {
    const framer = new Framer(rate, 16_000, 0.02);
    const frames = framer.push(new Float32Array(rate));
    expect(frames.length).toBeGreaterThanOrEqual(49);
    expect(frames.length).toBeLessThanOrEqual(50);
  });

  it("is cut where it is too loud", () => {
    expect(samples(new Framer(2, 2, 1).push(Float32Array.of(3, -3)))).toEqual([32_767, -32_767]);
  });

  it("is played at full scale, without half a sample", () => {
    expect([...playable(Int16Array.of(32_767, -32_767, 0).buffer.slice(0, 5))]).toEqual([1, -1]);
  });
});

describe("messages", () => {
  it("are read, and unknown ones passed over", () => {
    expect(readMessage('{"type":"said","role":"user","text":"a","interrupted":false}')).toEqual({
      type: "said",
      role: "user",
      text: "a",
      interrupted: false,
    });
    for (const text of ["", "{", "null", '{"type":"new"}', '{"type":"text","role":"nobody","delta":"a"}']) {
      expect(readMessage(text)).toBeNull();
    }
  });
});

describe("what was said", () => {
  const told = (...messages: Message[]): readonly Turn[] => messages.reduce<readonly Turn[]>(heard, []);
  const text = (role: Turn["role"], delta: string): Message => ({ type: "text", role, delta });
  const said = (role: Turn["role"], whole: string, interrupted = false): Message => ({ type: "said", role, text: whole, interrupted });

  it("grows by pieces and is replaced by the whole", () => {
    const turns = told(text("user", "What "), text("user", "time?"), said("user", "What time?"), text("assistant", "Noon"));
    expect(turns.map((turn) => [turn.role, turn.text, turn.open])).toEqual([
      ["user", "What time?", false],
      ["assistant", "Noon", true],
    ]);
    expect(new Set(turns.map((turn) => turn.key)).size).toBe(2);
  });

  it("shows what was looked up and what was interrupted", () => {
    const turns = told(
      { type: "tool", id: "1", name: "search_recordings", status: "started" },
      { type: "tool", id: "1", name: "search_recordings", status: "completed" },
      text("assistant", "I found"),
      said("assistant", "I found", true),
    );
    expect(turns).toHaveLength(1);
    expect(turns[0]).toMatchObject({ text: "I found", tools: ["search_recordings"], interrupted: true, open: false });
  });

  it("keeps a whole turn of which no piece came", () => {
    expect(told(said("user", "Hello")).map((turn) => turn.text)).toEqual(["Hello"]);
  });
});
