import { describe, expect, it, vi } from "vitest";
import { Problem } from "@/server/problems";
import { sessionId, streamed } from "@/server/streams";

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a stream that is handed on", () => {
  it("begins at once, and comes as it is", async () => {
    let say: (text: string) => void = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (say = (text) => controller.enqueue(encoded(text))),
    });
    const response = streamed(body);
    expect(response.headers.get("cache-control")).toBe("no-store, no-transform");
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe(": begun\n\n");
    say("event: token\n");
    expect((await reader?.read())?.value).toBe("event: token\n");
  });

  it("just ends where it breaks off, and says so in the log", async () => {
    const lines: string[] = [];
    const write = vi.spyOn(process.stdout, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    let parts = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (parts++ === 0) controller.enqueue(encoded("half"));
        else controller.error(new Error("what somebody wrote"));
      },
    });
    expect(await streamed(body).text()).toBe(": begun\n\nhalf");
    write.mockRestore();
    expect(lines.join("")).toContain("an answer broke off");
    expect(lines.join("")).not.toContain("what somebody wrote");
  });

  it("is given up at its source when nobody reads it any more", async () => {
    const cancel = vi.fn();
    await streamed(new ReadableStream<Uint8Array>({ cancel })).body?.cancel("gone");
    expect(cancel).toHaveBeenCalledWith("gone");
  });

  it("is of a session whose id is one", () => {
    expect(sessionId("5656f8d5-d3d8")).toBe("5656f8d5-d3d8");
    for (const other of ["", "..", "a/b", "a?b"]) expect(() => sessionId(other)).toThrow(Problem);
  });
});
