import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ROUTES } from "@/contracts/routes";
import { en, type TextKey } from "@/i18n/en";
import { ja } from "@/i18n/ja";
import { accepted } from "@/i18n/languages";
import { translator } from "@/i18n/texts";
import { find } from "@/server/routing";
import { readSettings } from "@/server/settings";

const ROOT = new URL("..", import.meta.url).pathname;

describe("texts", () => {
  const keys = Object.keys(en) as TextKey[];
  const names = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

  it("say in every language what they say in English, with the same values", () => {
    for (const key of keys) {
      expect(names(ja[key]), key).toEqual(names(en[key]));
      if (key !== "site.name" && key !== "chat.agent") expect(ja[key], key).not.toBe(en[key]);
    }
  });

  it("are all used", () => {
    const sources = readdirSync(`${ROOT}src`, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.tsx?$/.test(name) && !name.startsWith("i18n/"))
      .map((name) => readFileSync(`${ROOT}src/${name}`, "utf8"))
      .join("\n");
    const parts = [...sources.matchAll(/`([\w.-]*)\$\{[^}]+\}([\w.-]*)`/g)];
    const composed = parts.map(([, start = "", end = ""]) => ({ start, end }));
    const unused = keys.filter(
      (key) =>
        !sources.includes(`"${key}"`) &&
        !composed.some(({ start, end }) => (start || end) && key.startsWith(start) && key.endsWith(end)),
    );
    expect(unused).toEqual([]);
  });

  it("have their values filled in", () => {
    expect(translator("en")("site.signedInAs", { name: "Ada" })).toBe("Signed in as Ada");
  });
});

describe("the language", () => {
  it.each([
    ["ja,en;q=0.8", "ja"],
    ["en-US,ja;q=0.9", "en"],
    ["fr, ja-JP;q=0.5, en;q=0.4", "ja"],
    ["ja;q=0, fr", "en"],
    ["", "en"],
    [null, "en"],
  ])("of %j is %s", (header, language) => expect(accepted(header)).toBe(language));
});

describe("routes", () => {
  it("lead to the service whose document names them, and nowhere else", () => {
    expect(find(ROUTES, "GET", ["api", "audio"])).toBe("projector");
    expect(find(ROUTES, "POST", ["api", "audio"])).toBe("audio");
    expect(find(ROUTES, "POST", ["api", "audio", "live"])).toBe("audio");
    expect(find(ROUTES, "GET", ["api", "sessions", "5656f8d5-d3d8"])).toBe("agent-core");
    for (const path of [[], ["api"], ["api", "..", "health"], ["api", "audio", ".."], ["api", "audio", "a/b"]]) {
      expect(find(ROUTES, "GET", path)).toBeUndefined();
    }
    expect(find(ROUTES, "POST", ["api", "sessions", "x", "messages"])).toBeUndefined();
    expect(find(ROUTES, "PUT", ["api", "audio"])).toBeUndefined();
  });

  it("and types are those of the documents", () => {
    const files = readdirSync(`${ROOT}src/contracts`);
    const read = (): string[] => files.map((name) => readFileSync(`${ROOT}src/contracts/${name}`, "utf8"));
    const before = read();
    execFileSync(process.execPath, [`${ROOT}scripts/contracts.mjs`]);
    expect(read()).toEqual(before);
  }, 20_000);
});

describe("settings", () => {
  const complete = {
    AWS_REGION: "us-east-1",
    USER_POOL_ISSUER: "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab1",
    USER_POOL_CLIENT_ID: "c",
    REDIS_URL: "rediss://cache:6379",
    REDIS_USERNAME: "frontend",
    REDIS_PASSWORD: "p",
    AGENT_CORE_URL: "http://agent-core.nova.local:8000",
    AUDIO_URL: "http://audio.nova.local:8000",
    PROJECTOR_URL: "http://projector.nova.local:8000",
    SEARCH_URL: "http://search.nova.local:8000",
    VIDEO_URL: "http://video.nova.local:8000",
    CONTENT_BUCKET: "bucket",
  };

  it("name all that is missing or wrong", () => {
    expect(() => readSettings({ ...complete, AUDIO_URL: "nowhere", REDIS_URL: undefined })).toThrow(
      /REDIS_URL.*AUDIO_URL/,
    );
  });

  it("know where the keys are, where content is, and whether there is a managed agent", () => {
    const found = readSettings(complete);
    expect(found.jwksUrl).toBe(`${complete.USER_POOL_ISSUER}/.well-known/jwks.json`);
    expect(found.contentOrigin).toBe("https://bucket.s3.us-east-1.amazonaws.com");
    expect(found.managedAgent).toBeNull();
    const elsewhere = readSettings({ ...complete, AWS_ENDPOINT_URL: "http://127.0.0.1:4566", AGENT_RUNTIME_ARN: "arn" });
    expect(elsewhere.contentOrigin).toBe("http://127.0.0.1:4566");
    expect(elsewhere.managedAgent).toEqual({ arn: "arn", qualifier: "DEFAULT" });
  });
});
