import { describe, expect, it } from "vitest";
import { grown, type Part } from "@/chat/answer";
import { BrokenStreamError, readEvents, type ChatEvent } from "@/chat/events";

function stream(...chunks: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
}

async function all(body: ReadableStream<Uint8Array>): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of readEvents(body)) events.push(event);
  return events;
}

const DONE = 'event: done\ndata: {"turn":"t","text":"Hi","tools":[],"usage":{},"stop_reason":"end_turn"}\n\n';

describe("an agent's stream", () => {
  it("is read as it comes, however it is cut", async () => {
    const text = `: heartbeat\n\nevent: token\ndata: {"text":"日本"}\n\nevent: later\ndata: {"x":1}\n\n${DONE}`;
    const whole = await all(stream(text));
    expect(whole).toEqual([
      { kind: "token", text: "日本" },
      { kind: "done", text: "Hi" },
    ]);
    const bytes = new TextEncoder().encode(text);
    const cut = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    expect(await all(cut)).toEqual(whole);
  });

  it("ends with an error of the agent's, also one that came inside a stream that began well", async () => {
    const told = await all(stream('event: error\ndata: {"status":429,"detail":"spent","type":"urn:nova:problem:quota"}\n\n'));
    expect(told).toEqual([{ kind: "error", status: 429, detail: "spent", type: "urn:nova:problem:quota" }]);
    expect(await all(stream('data: {"error": "boom"}\n\n'))).toEqual([
      { kind: "error", status: 500, detail: "boom", type: "" },
    ]);
  });

  it("is broken when it ends before the answer does, or makes no sense", async () => {
    await expect(all(stream('event: token\ndata: {"text":"half"}\n\n'))).rejects.toThrow(BrokenStreamError);
    await expect(all(stream())).rejects.toThrow(BrokenStreamError);
    await expect(all(stream("event: token\ndata: {half\n\n"))).rejects.toThrow(BrokenStreamError);
  });
});

describe("an answer", () => {
  it("grows by tokens and tools, in the order in which they come", () => {
    const events: ChatEvent[] = [
      { kind: "token", text: "Let me " },
      { kind: "token", text: "look. " },
      { kind: "tool", id: "1", name: "search", status: "started", input: { q: "x" } },
      { kind: "tool", id: "1", name: "search", status: "completed" },
      { kind: "token", text: "Found." },
      { kind: "quota", percent: 80 },
    ];
    expect(events.reduce<readonly Part[]>(grown, [])).toEqual([
      { type: "text", text: "Let me look. " },
      { type: "tool", id: "1", name: "search", state: "completed", input: { q: "x" } },
      { type: "text", text: "Found." },
    ]);
  });
});
