import { describe, expect, it } from "vitest";
import { isSecret, nameOf, newSecret, seal, unseal } from "@/server/sealing";

describe("what is sealed", () => {
  const content = { refreshToken: "a-token", n: 1 };

  it("comes back with the same secret and purpose alone", () => {
    const secret = newSecret();
    const sealed = seal(secret, "session", content);
    expect(unseal(secret, "session", sealed)).toEqual(content);
    expect(unseal(secret, "challenge", sealed)).toBeUndefined();
    expect(unseal(newSecret(), "session", sealed)).toBeUndefined();
  });

  it("shows neither its content nor its secret", () => {
    const secret = newSecret();
    const kept = nameOf(secret) + Buffer.from(seal(secret, "session", content), "base64").toString("latin1");
    expect(kept).not.toContain("a-token");
    expect(kept).not.toContain(secret);
  });

  it("is different each time, and refused once a bit of it has changed", () => {
    const secret = newSecret();
    const sealed = seal(secret, "session", content);
    expect(seal(secret, "session", content)).not.toBe(sealed);
    const bytes = Buffer.from(sealed, "base64");
    for (const place of [0, 12, 28, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[place] = (changed[place] ?? 0) ^ 1;
      expect(unseal(secret, "session", changed.toString("base64"))).toBeUndefined();
    }
    expect(unseal(secret, "session", "")).toBeUndefined();
  });

  it("has a secret of 256 bits, and takes nothing else for one", () => {
    expect(Buffer.from(newSecret(), "base64url")).toHaveLength(32);
    expect(isSecret(newSecret())).toBe(true);
    for (const other of [undefined, "", "short", `${newSecret()}x`, newSecret().replace(/.$/, "*")]) {
      expect(isSecret(other)).toBe(false);
    }
  });
});
