import "server-only";
import {
  CognitoIdentityProviderClient,
  InitiateAuthCommand,
  RespondToAuthChallengeCommand,
  RevokeTokenCommand,
  type AuthenticationResultType,
  type ChallengeNameType,
} from "@aws-sdk/client-cognito-identity-provider";
import { log } from "./log";
import type { Session, Tokens } from "./sessions";
import { settings } from "./settings";
import { tokenVerifier } from "./tokens";

/** Attempts of one call, with pauses that grow and have jitter (the SDK's standard mode). */
const ATTEMPTS_MAX = 3;

/** What a person is asked for beside the password. */
export type ChallengeKind = "NEW_PASSWORD_REQUIRED" | "SOFTWARE_TOKEN_MFA";

export type Challenge = { kind: ChallengeKind; username: string; session: string };

export type Outcome =
  | { kind: "signed-in"; person: Omit<Session, "startedAt"> }
  | { kind: "challenge"; challenge: Challenge }
  | { kind: "refused"; reason: Refusal };

/** Why a sign-in did not succeed, in words that the pages have texts for. */
export type Refusal =
  | "wrong" // user or password; nobody is told which
  | "wrong-code"
  | "weak-password"
  | "expired"
  | "busy"
  | "unsupported";

const REFUSALS: Record<string, Refusal> = {
  NotAuthorizedException: "wrong",
  UserNotFoundException: "wrong",
  InvalidParameterException: "wrong",
  UserNotConfirmedException: "wrong",
  PasswordResetRequiredException: "wrong",
  CodeMismatchException: "wrong-code",
  EnableSoftwareTokenMFAException: "wrong-code",
  InvalidPasswordException: "weak-password",
  PasswordHistoryPolicyViolationException: "weak-password",
  ExpiredCodeException: "expired",
  TooManyRequestsException: "busy",
  LimitExceededException: "busy",
};

let client: CognitoIdentityProviderClient | undefined;

function cognito(): CognitoIdentityProviderClient {
  const { region } = settings();
  return (client ??= new CognitoIdentityProviderClient({ region, maxAttempts: ATTEMPTS_MAX }));
}

/** Signs in by name and password. Throws when Cognito does not answer. */
export async function signIn(username: string, password: string): Promise<Outcome> {
  return outcome(username, "wrong", () =>
    cognito().send(
      new InitiateAuthCommand({
        ClientId: settings().clientId,
        AuthFlow: "USER_PASSWORD_AUTH",
        AuthParameters: { USERNAME: username, PASSWORD: password },
      }),
    ),
  );
}

/** Answers a challenge with a new password or a code. Throws when Cognito does not answer. */
export async function answer(challenge: Challenge, value: string): Promise<Outcome> {
  const field = challenge.kind === "SOFTWARE_TOKEN_MFA" ? "SOFTWARE_TOKEN_MFA_CODE" : "NEW_PASSWORD";
  return outcome(challenge.username, "expired", () =>
    cognito().send(
      new RespondToAuthChallengeCommand({
        ClientId: settings().clientId,
        ChallengeName: challenge.kind,
        Session: challenge.session,
        ChallengeResponses: { USERNAME: challenge.username, [field]: value },
      }),
    ),
  );
}

/** Renews a session's tokens; null when its refresh token is no longer good. */
export async function renew(session: Session): Promise<Tokens | null> {
  try {
    const { AuthenticationResult: found } = await cognito().send(
      new InitiateAuthCommand({
        ClientId: settings().clientId,
        AuthFlow: "REFRESH_TOKEN_AUTH",
        AuthParameters: { REFRESH_TOKEN: session.refreshToken },
      }),
    );
    if (!found?.AccessToken) return null;
    const verified = await tokenVerifier().verify(found.AccessToken);
    if (verified.subject !== session.subject) return null;
    return {
      accessToken: found.AccessToken,
      accessExpiresAt: verified.expiresAt,
      refreshToken: found.RefreshToken ?? session.refreshToken,
    };
  } catch (error) {
    if (REFUSALS[nameOf(error)] === "wrong") return null;
    throw error;
  }
}

/** Revokes a session's refresh token and the access tokens made with it; a failure is logged. */
export async function revoke(session: Session): Promise<void> {
  try {
    const input = { ClientId: settings().clientId, Token: session.refreshToken };
    await cognito().send(new RevokeTokenCommand(input), { abortSignal: AbortSignal.timeout(5_000) });
  } catch (error) {
    log("WARNING", "a token could not be revoked; it is forgotten all the same", {}, error);
  }
}

type Answer = {
  AuthenticationResult?: AuthenticationResultType | undefined;
  ChallengeName?: ChallengeNameType | undefined;
  Session?: string | undefined;
};

/** `unauthorized` is what Cognito's plainest refusal means at this step. */
async function outcome(username: string, unauthorized: Refusal, ask: () => Promise<Answer>): Promise<Outcome> {
  let found: Answer;
  try {
    found = await ask();
  } catch (error) {
    const reason = REFUSALS[nameOf(error)];
    if (!reason) throw error;
    return { kind: "refused", reason: reason === "wrong" ? unauthorized : reason };
  }
  if (found.AuthenticationResult) return signedIn(username, found.AuthenticationResult);
  const kind = found.ChallengeName;
  if ((kind === "NEW_PASSWORD_REQUIRED" || kind === "SOFTWARE_TOKEN_MFA") && found.Session) {
    return { kind: "challenge", challenge: { kind, username, session: found.Session } };
  }
  return { kind: "refused", reason: "unsupported" };
}

async function signedIn(username: string, result: AuthenticationResultType): Promise<Outcome> {
  if (!result.AccessToken || !result.RefreshToken) return { kind: "refused", reason: "unsupported" };
  const { subject, expiresAt } = await tokenVerifier().verify(result.AccessToken);
  return {
    kind: "signed-in",
    person: {
      subject,
      username,
      accessToken: result.AccessToken,
      accessExpiresAt: expiresAt,
      refreshToken: result.RefreshToken,
    },
  };
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "");
