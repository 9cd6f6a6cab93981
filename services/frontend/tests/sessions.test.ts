import { beforeEach, describe, expect, it, vi } from "vitest";
import { newSecret } from "@/server/sealing";
import { ABSOLUTE_S, IDLE_S, RENEW_MS, Sessions, type Renew, type Session } from "@/server/sessions";
import { MemoryStore } from "./support/memory";

const HOUR_MS = 3_600_000;

describe("sessions", () => {
  let store: MemoryStore;
  let now: number;
  const renew = vi.fn<Renew>();
  const task = (): Sessions => new Sessions(store, renew, () => now, () => new Promise((done) => setTimeout(done, 1)));
  const person = (): Omit<Session, "startedAt"> => ({
    subject: "u-1",
    // No key or sealed text has an @ by chance.
    username: "ada@example.com",
    accessToken: "access-1",
    accessExpiresAt: now + HOUR_MS,
    refreshToken: "refresh-1",
  });

  beforeEach(() => {
    store = new MemoryStore();
    now = 1_700_000_000_000;
    renew.mockReset();
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
  });

  it("are found by the secret that they were started with, by any task", async () => {
    const secret = await task().start(person());
    expect((await task().find(secret))?.subject).toBe("u-1");
    for (const other of [newSecret(), "", undefined, "x".repeat(43)]) expect(await task().find(other)).toBeNull();
  });

  it("keep nothing readable in the store, and one entry each", async () => {
    const [first, second] = [await task().start(person()), await task().start(person())];
    expect(first).not.toBe(second);
    expect(store.entries.size).toBe(2);
    const kept = JSON.stringify([...store.entries]);
    for (const word of ["ada", "access-1", "refresh-1", first, "u-1"]) expect(kept).not.toContain(word);
    for (const key of store.entries.keys()) expect(key).toMatch(/^frontend:session:[0-9a-f]{64}$/);
  });

  it("are forgotten when idle: each use starts the time anew, up to the absolute end", async () => {
    const secret = await task().start({ ...person(), accessExpiresAt: now + 24 * HOUR_MS });
    const seconds = (): number | undefined => [...store.entries.values()][0]?.seconds;
    expect(seconds()).toBe(IDLE_S);
    now += (ABSOLUTE_S - 60) * 1000;
    expect(await task().find(secret)).not.toBeNull();
    expect(seconds()).toBe(60);
    now += 60_000;
    expect(await task().find(secret)).toBeNull();
    expect(store.entries.size).toBe(0);
  });

  it("renew a token once, before it expires, whoever asks", async () => {
    const secret = await task().start(person());
    now += HOUR_MS - RENEW_MS;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((done) => (release = done));
    renew.mockImplementation(async () => {
      await gate;
      return { accessToken: "access-2", accessExpiresAt: now + HOUR_MS, refreshToken: "refresh-1" };
    });
    now += RENEW_MS;
    const asked = [task(), task(), task()].map((one) => one.find(secret));
    await new Promise((done) => setTimeout(done, 5));
    release();
    for (const session of await Promise.all(asked)) expect(session?.accessToken).toBe("access-2");
    expect(renew).toHaveBeenCalledTimes(1);
    expect((await task().find(secret))?.accessToken).toBe("access-2");
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it("end when the refresh token is no longer good", async () => {
    const secret = await task().start(person());
    now += HOUR_MS;
    renew.mockResolvedValue(null);
    expect(await task().find(secret)).toBeNull();
    expect(store.entries.size).toBe(0);
  });

  it("go on with a token that is still good when nobody can renew it, and say so once it is not", async () => {
    const secret = await task().start(person());
    renew.mockRejectedValue(new Error("throttled"));
    now += HOUR_MS - 1000;
    expect((await task().find(secret))?.accessToken).toBe("access-1");
    now += 2000;
    await expect(task().find(secret)).rejects.toThrow("throttled");
    renew.mockResolvedValue({ accessToken: "access-2", accessExpiresAt: now + HOUR_MS, refreshToken: "refresh-2" });
    expect((await task().find(secret))?.accessToken).toBe("access-2");
  });

  it("stay ended when somebody signs out while a token is renewed", async () => {
    const secret = await task().start(person());
    now += HOUR_MS;
    renew.mockImplementation(async () => {
      await task().end(secret);
      return { accessToken: "access-2", accessExpiresAt: now + HOUR_MS, refreshToken: "refresh-1" };
    });
    expect(await task().find(secret)).toBeNull();
    expect(await task().find(secret)).toBeNull();
  });
});
