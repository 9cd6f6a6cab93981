import { describe, expect, it, vi } from "vitest";

vi.mock("@/server/people", () => ({ sessions: () => ({ find: () => Promise.resolve(null) }) }));

import { addressOf, Attempts, PER_ADDRESS_MAX, PER_NAME_MAX } from "@/server/attempts";
import { cookie, cookieOf } from "@/server/cookies";
import { localPath, readForm, readText } from "@/server/forms";
import { fromOwnPage, guarded, personal } from "@/server/guard";
import { contentPolicy } from "@/server/policy";
import { Problem } from "@/server/problems";

const SITE = "https://nova.example.com";

function request(method: string, headers: Record<string, string>, body?: string): Request {
  return new Request(`${SITE}/bff/x`, {
    method,
    headers: { host: "nova.example.com", ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

describe("whose pages are listened to", () => {
  it.each([
    [{ origin: SITE }, true],
    [{ origin: SITE, "sec-fetch-site": "same-origin" }, true],
    [{}, false],
    [{ origin: "null" }, false],
    [{ origin: "https://evil.test" }, false],
    [{ origin: `${SITE}.evil.test` }, false],
    [{ origin: `${SITE}:444` }, false],
    [{ origin: SITE, "sec-fetch-site": "cross-site" }, false],
    [{ origin: SITE, "sec-fetch-site": "same-site" }, false],
    [{ origin: SITE, "sec-fetch-site": "none" }, false],
    [{ origin: "https://evil.test", "x-forwarded-host": "evil.test" }, false],
    [{ origin: "https://evil.test", forwarded: "host=evil.test", "x-original-host": "evil.test" }, false],
  ])("a POST with %j: %s", (headers, expected) => {
    expect(fromOwnPage(request("POST", headers as Record<string, string>))).toBe(expected);
  });

  it("reads are for the site's own pages and for the address bar", () => {
    expect(fromOwnPage(request("GET", {}))).toBe(true);
    expect(fromOwnPage(request("GET", { "sec-fetch-site": "none" }))).toBe(true);
    expect(fromOwnPage(request("GET", { "sec-fetch-site": "cross-site" }))).toBe(false);
  });

  it("everything else is refused before it is read, as a problem", async () => {
    const handle = vi.fn();
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const response = await guarded(handle)(request("POST", { origin: "https://evil.test" }), {
      params: Promise.resolve({}),
    });
    expect(response.status).toBe(403);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(((await response.json()) as { type: string }).type).toBe("urn:nova:problem:origin-refused");
    expect(handle).not.toHaveBeenCalled();
  });

  it("who is not signed in gets a 401, and what nobody expected no word of what happened", async () => {
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const context = { params: Promise.resolve({}) };
    const personally = await personal(() => Promise.resolve(new Response()))(request("GET", {}), context);
    expect(personally.status).toBe(401);
    const broken = guarded(() => Promise.reject(new Error("secret words")));
    const answer = await broken(request("GET", {}), context);
    expect(answer.status).toBe(503);
    expect(await answer.text()).not.toContain("secret words");
    const told = guarded(() => Promise.reject(new Problem(418, "short and stout")));
    expect((await told(request("GET", {}), context)).status).toBe(418);
  });

  it("a log line names no id and no query", async () => {
    const lines: string[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    const asked = new Request(`${SITE}/bff/api/audio/5656f8d5-d3d8-4dbe-a5ee-a69e9f399dad?q=private`);
    await guarded(() => Promise.resolve(new Response()))(asked, { params: Promise.resolve({}) });
    expect(lines.join("")).toContain('"route":"/bff/api/audio/{id}"');
    expect(lines.join("")).not.toContain("private");
  });
});

describe("forms", () => {
  const body = "username=ada&password=a%20b";
  const type = "application/x-www-form-urlencoded";

  it("are read up to a size, whatever length they say they have", async () => {
    expect((await readForm(request("POST", { "content-type": type }, body))).get("password")).toBe("a b");
    await expect(readForm(request("POST", { "content-type": "application/json" }, "{}"))).rejects.toThrow(Problem);
    const long = request("POST", { "content-type": type, "content-length": "1" }, "x".repeat(9000));
    await expect(readForm(long)).rejects.toMatchObject({ status: 413 });
    expect(await readText(request("POST", {}), 10)).toBe("");
  });

  it.each([
    ["/media/1?a=b", "/media/1?a=b"],
    ["//evil.test", "/chat"],
    ["/\\evil.test", "/chat"],
    ["https://evil.test", "/chat"],
    ["/a\r\nset-cookie: x", "/chat"],
    ["", "/chat"],
    [null, "/chat"],
  ])("lead on to paths of the site alone: %j", (value, expected) => {
    expect(localPath(value, "/chat")).toBe(expected);
  });
});

describe("cookies", () => {
  it("are for this host, hidden from scripts, and never sent with another site's posts", () => {
    expect(cookie("__Host-a", "v", 60)).toBe("__Host-a=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60");
    expect(cookieOf(request("GET", { cookie: "a=1; __Host-a=v=w; b=2" }), "__Host-a")).toBe("v=w");
    expect(cookieOf(request("GET", {}), "__Host-a")).toBeUndefined();
  });
});

describe("attempts to sign in", () => {
  it("are limited by name, whatever its spelling, and by address", async () => {
    const counts = new Map<string, number>();
    const counter = {
      count: (key: string) => {
        counts.set(key, (counts.get(key) ?? 0) + 1);
        return Promise.resolve(counts.get(key) ?? 0);
      },
      forget: (key: string) => Promise.resolve(counts.delete(key)),
    };
    const attempts = new Attempts(counter);
    for (let n = 0; n < PER_NAME_MAX; n += 1) {
      expect(await attempts.allowed(n % 2 ? " Ada " : "ada", `10.0.0.${String(n)}`)).toBe(true);
    }
    expect(await attempts.allowed("ADA", "10.1.1.1")).toBe(false);
    await attempts.succeeded("Ada");
    expect(await attempts.allowed("ADA", "10.1.1.1")).toBe(true);
    for (let n = 0; n < PER_ADDRESS_MAX; n += 1) expect(await attempts.allowed(`u${String(n)}`, "10.2.2.2")).toBe(true);
    expect(await attempts.allowed("somebody", "10.2.2.2")).toBe(false);
    expect(JSON.stringify([...counts.keys()])).not.toMatch(/somebody|10\./);
  });

  it("count for the address that the distribution saw, not for one that a viewer claims", () => {
    const chain = "6.6.6.6, 203.0.113.9, 130.176.0.1";
    expect(addressOf(request("POST", { "x-forwarded-for": chain }))).toBe("203.0.113.9");
    expect(addressOf(request("POST", {}))).toBe("");
  });
});

describe("the content policy", () => {
  it("lets scripts run by nonce alone, and frames nowhere", () => {
    const policy = contentPolicy("abc", "https://bucket.test");
    expect(policy).toContain("script-src 'self' 'nonce-abc' 'strict-dynamic'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|\*/);
  });
});
