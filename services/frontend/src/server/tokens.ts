import "server-only";
import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import { settings } from "./settings";

const KEYS_MS_MAX = 3_600_000;
const COOLDOWN_MS = 10_000;
const FETCH_MS_MAX = 3_000;

/** What is known of a person by an access token that was verified. */
export type Verified = { subject: string; expiresAt: number };

/** The token is malformed, expired, forged, or meant for somebody else. */
export class InvalidTokenError extends Error {
  override readonly name = "InvalidTokenError";
}

/** Verifies access tokens of one user pool and one of its clients, as every service does. */
export class TokenVerifier {
  constructor(
    private readonly issuer: string,
    private readonly clientId: string,
    private readonly keys: JWTVerifyGetKey,
  ) {}

  /** `expiresAt` is in milliseconds. Throws InvalidTokenError; what hinders asking for keys is passed on. */
  async verify(token: string): Promise<Verified> {
    const claims = await this.claims(token);
    // Cognito's access tokens name the client in `client_id` and have no audience.
    if (claims.token_use !== "access") throw new InvalidTokenError("it is not an access token");
    if (claims.client_id !== this.clientId) throw new InvalidTokenError("it was issued for another client");
    if (!claims.sub || !claims.exp) throw new InvalidTokenError("it names nobody");
    return { subject: claims.sub, expiresAt: claims.exp * 1000 };
  }

  private async claims(token: string) {
    try {
      const options = { issuer: this.issuer, algorithms: ["RS256"], requiredClaims: ["sub", "exp"] };
      return (await jwtVerify(token, this.keys, options)).payload;
    } catch (error) {
      const unavailable = error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError);
      if (unavailable) throw error;
      throw new InvalidTokenError(error.code);
    }
  }
}

let made: TokenVerifier | undefined;

export function tokenVerifier(): TokenVerifier {
  if (!made) {
    const { issuer, clientId, jwksUrl } = settings();
    const keys = createRemoteJWKSet(new URL(jwksUrl), {
      cacheMaxAge: KEYS_MS_MAX,
      cooldownDuration: COOLDOWN_MS,
      timeoutDuration: FETCH_MS_MAX,
    });
    made = new TokenVerifier(issuer, clientId, keys);
  }
  return made;
}
