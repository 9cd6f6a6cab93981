import { createHash, createHmac } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { share, usd } from "@/spend/money";

describe("money", () => {
  it.each([
    ["0.01", "en", "$0.01"],
    ["0.000001", "en", "$0.000001"],
    [1234.5, "en", "$1,234.50"],
    ["0.30", "ja", "$0.30"],
  ])("%j in %s is %s", (amount, language, text) => expect(usd(amount, language)).toBe(text));

  it.each([
    ["0.25", "1.00", 25],
    ["3", "1.00", 100],
    ["1", "0.00", 0],
  ])("%s of %s are %d percent", (used, whole, percent) => expect(share(used, whole)).toBe(percent));
});

describe("a request to a function", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.useRealTimers();
  });

  it("is signed as AWS documents it", async () => {
    vi.useFakeTimers({ now: new Date("2026-11-22T01:02:03Z"), toFake: ["Date"] });
    const known = { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "SECRET", AWS_SESSION_TOKEN: "TOKEN" };
    const other = ["AGENT_CORE", "AUDIO", "PROJECTOR", "SEARCH", "VIDEO"].map((name) => [`${name}_URL`, "http://a:1"] as const);
    const rest = {
      AWS_REGION: "us-east-1",
      USER_POOL_ISSUER: "https://issuer",
      USER_POOL_CLIENT_ID: "c",
      REDIS_URL: "rediss://cache:6379",
      REDIS_USERNAME: "u",
      REDIS_PASSWORD: "p",
      CONTENT_BUCKET: "b",
    };
    for (const [name, value] of Object.entries({ ...known, ...rest, ...Object.fromEntries(other) })) {
      vi.stubEnv(name, value);
    }
    const { signed } = await import("@/server/signing");
    const url = new URL("https://abc.lambda-url.us-east-1.on.aws/api/spend?cursor=a%23b");
    const headers = await signed("GET", url, { "x-nova-authorization": "Bearer t" }, undefined);

    // By hand, from the documentation of Signature Version 4.
    const hex = (text: string): string => createHash("sha256").update(text).digest("hex");
    const names = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-nova-authorization";
    const canonical = [
      "GET",
      "/api/spend",
      "cursor=a%23b",
      `host:${url.host}`,
      `x-amz-content-sha256:${hex("")}`,
      "x-amz-date:20261122T010203Z",
      "x-amz-security-token:TOKEN",
      "x-nova-authorization:Bearer t",
      "",
      names,
      hex(""),
    ].join("\n");
    const scope = "20261122/us-east-1/lambda/aws4_request";
    const key = scope.split("/").reduce<Buffer | string>((known, part) => createHmac("sha256", known).update(part).digest(), "AWS4SECRET");
    const signature = createHmac("sha256", key)
      .update(["AWS4-HMAC-SHA256", "20261122T010203Z", scope, hex(canonical)].join("\n"))
      .digest("hex");
    expect(headers.authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=AKID/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    );
  });
});
