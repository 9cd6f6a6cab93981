import "server-only";
import { z } from "zod";

/** What a task of the site finds in its environment; the variables are set in infra.py. */
const environment = z.object({
  AWS_REGION: z.string().min(1),
  SERVICE_NAME: z.string().default("frontend"),
  USER_POOL_ISSUER: z.url(),
  USER_POOL_CLIENT_ID: z.string().min(1),
  /** Where the pool's keys are, if not below its issuer. */
  NOVA_JWKS_URL: z.url().optional(),
  REDIS_URL: z.url(),
  REDIS_USERNAME: z.string().min(1),
  REDIS_PASSWORD: z.string().min(1),
  AGENT_CORE_URL: z.url(),
  AUDIO_URL: z.url(),
  PROJECTOR_URL: z.url(),
  SEARCH_URL: z.url(),
  VIDEO_URL: z.url(),
  CONTENT_BUCKET: z.string().min(1),
  /** URL of the function that pays for people; absent where agents have no wallet. */
  PAYMENTS_URL: z.url().optional(),
  /** The managed host of the same agent; both or neither. */
  AGENT_RUNTIME_ARN: z.string().optional(),
  AGENT_RUNTIME_QUALIFIER: z.string().optional(),
  /** Names of the AWS SDKs' own, which say where an API is called. */
  AWS_ENDPOINT_URL: z.url().optional(),
  AWS_ENDPOINT_URL_S3: z.url().optional(),
});

/** Names of the services that the site calls, as the OpenAPI documents are called. */
export type ServiceName = "agent-core" | "audio" | "mcp-server" | "projector" | "search" | "video";

export type ManagedAgent = { arn: string; qualifier: string };

export type Settings = {
  region: string;
  serviceName: string;
  issuer: string;
  clientId: string;
  jwksUrl: string;
  redis: { url: string; username: string; password: string };
  /** Addresses; `mcp-server` is a function, called by signed requests, and not in every stack. */
  services: Record<Exclude<ServiceName, "mcp-server">, string> & { "mcp-server": string | null };
  /** Where browsers send uploads to and load recordings from. */
  contentOrigin: string;
  managedAgent: ManagedAgent | null;
};

/** Reads the environment; the error names every variable that is missing or malformed. */
export function readSettings(variables: Record<string, string | undefined>): Settings {
  const parsed = environment.safeParse(variables);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`the environment is not complete: ${faults.join("; ")}`);
  }
  const found = parsed.data;
  const managed = found.AGENT_RUNTIME_ARN;
  return {
    region: found.AWS_REGION,
    serviceName: found.SERVICE_NAME,
    issuer: found.USER_POOL_ISSUER,
    clientId: found.USER_POOL_CLIENT_ID,
    jwksUrl: found.NOVA_JWKS_URL ?? `${found.USER_POOL_ISSUER}/.well-known/jwks.json`,
    redis: { url: found.REDIS_URL, username: found.REDIS_USERNAME, password: found.REDIS_PASSWORD },
    services: {
      "agent-core": found.AGENT_CORE_URL,
      audio: found.AUDIO_URL,
      "mcp-server": found.PAYMENTS_URL ?? null,
      projector: found.PROJECTOR_URL,
      search: found.SEARCH_URL,
      video: found.VIDEO_URL,
    },
    contentOrigin: contentOrigin(found),
    managedAgent: managed ? { arn: managed, qualifier: found.AGENT_RUNTIME_QUALIFIER ?? "DEFAULT" } : null,
  };
}

let read: Settings | undefined;

/** The settings of this process, read when somebody asks for the first time: nothing is needed to build. */
export function settings(): Settings {
  return (read ??= readSettings(process.env));
}

function contentOrigin(found: z.infer<typeof environment>): string {
  const named = found.AWS_ENDPOINT_URL_S3 ?? found.AWS_ENDPOINT_URL;
  if (named) return new URL(named).origin;
  return `https://${found.CONTENT_BUCKET}.s3.${found.AWS_REGION}.amazonaws.com`;
}
