import "server-only";
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";

/**
 * Secrets that only a browser holds.
 *
 * A secret is 256 random bits in a cookie. The cache keeps what belongs to it under its hash, encrypted with a
 * key that is derived from it: whoever reads the cache learns neither the cookie nor the content, and there is
 * no key of the platform's that could leak or would have to be renewed.
 */
const SECRET_BYTES = 32;
const SECRET = /^[A-Za-z0-9_-]{43}$/;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** Whether a cookie's value has the form of a secret. */
export function isSecret(value: string | undefined): value is string {
  return value !== undefined && SECRET.test(value);
}

/** The name under which the cache keeps what belongs to a secret. */
export function nameOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Encrypts by AES-256-GCM; `purpose` keeps apart what one secret seals for different ends. */
export function seal(secret: string, purpose: string, content: unknown): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", keyOf(secret, purpose), nonce);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(content), "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
}

/** Decrypts; undefined for what was sealed with another secret, for another purpose, or was changed. */
export function unseal(secret: string, purpose: string, sealed: string): unknown {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length <= NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", keyOf(secret, purpose), bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const content = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return JSON.parse(content.toString("utf8"));
  } catch {
    return undefined;
  }
}

function keyOf(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", Buffer.from(secret, "base64url"), "", `nova frontend ${purpose}`, 32));
}
