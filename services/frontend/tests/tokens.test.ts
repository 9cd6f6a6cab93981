import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT, type CryptoKey } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { InvalidTokenError, TokenVerifier } from "@/server/tokens";

const ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab1";
const CLIENT = "client1";

describe("access tokens", () => {
  let key: CryptoKey;
  let other: CryptoKey;
  let verifier: TokenVerifier;

  beforeAll(async () => {
    const pair = await generateKeyPair("RS256");
    key = pair.privateKey;
    other = (await generateKeyPair("RS256")).privateKey;
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "RS256" };
    verifier = new TokenVerifier(ISSUER, CLIENT, createLocalJWKSet({ keys: [jwk] }));
  });

  const token = (claims: Record<string, unknown> = {}, signed = key, issuer = ISSUER, expires = "1h") =>
    new SignJWT({ token_use: "access", client_id: CLIENT, ...claims })
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .setSubject("u-1")
      .setIssuer(issuer)
      .setIssuedAt()
      .setExpirationTime(expires)
      .sign(signed);

  it("name who they were issued to, and until when", async () => {
    const found = await verifier.verify(await token());
    expect(found.subject).toBe("u-1");
    expect(found.expiresAt).toBeGreaterThan(Date.now() + 3_500_000);
  });

  it("are refused when they are forged, expired, or meant for somebody else", async () => {
    const good = await token();
    const [head = "", payload = "", signature = ""] = good.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: "u-2" })).toString("base64url");
    const none = Buffer.from(JSON.stringify({ alg: "none", kid: "k1" })).toString("base64url");
    const wrong = [
      await token({ token_use: "id" }),
      await token({ client_id: "client2" }),
      await token({}, other),
      await token({}, key, "https://evil.test"),
      await token({}, key, ISSUER, "-1s"),
      `${head}.${forged}.${signature}`,
      `${none}.${payload}.`,
      "no token",
      "",
    ];
    for (const one of wrong) await expect(verifier.verify(one)).rejects.toThrow(InvalidTokenError);
  });

  it("are nobody's fault when the keys cannot be had", async () => {
    const away = new TokenVerifier(ISSUER, CLIENT, () => Promise.reject(new TypeError("fetch failed")));
    await expect(away.verify(await token())).rejects.not.toThrow(InvalidTokenError);
  });
});
