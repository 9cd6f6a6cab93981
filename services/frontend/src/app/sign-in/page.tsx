import type { Metadata } from "next";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { Preferences } from "@/components/preferences";
import { SubmitButton } from "@/components/submit-button";
import { en, type TextKey } from "@/i18n/en";
import type { Translate } from "@/i18n/fill";
import { translator } from "@/i18n/texts";
import { challenges } from "@/server/challenges";
import type { ChallengeKind } from "@/server/cognito";
import { CHALLENGE_COOKIE } from "@/server/cookies";
import { localPath } from "@/server/forms";
import { signedInOrNull } from "@/server/people";
import { language, theme } from "@/server/preferences";
import { START } from "@/server/signing-in";

type Query = { problem?: string | string[]; next?: string | string[] };

export async function generateMetadata(): Promise<Metadata> {
  return { title: translator(await language())("signIn.title") };
}

export default async function SignIn({ searchParams }: { searchParams: Promise<Query> }) {
  const query = await searchParams;
  const next = localPath(typeof query.next === "string" ? query.next : null, START);
  if (await signedInOrNull()) redirect(next);
  const [chosen, appearance] = [await language(), await theme()];
  const t = translator(chosen);
  const challenge = await challenges().find((await cookies()).get(CHALLENGE_COOKIE)?.value);
  const problem = problemText(query.problem);
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center gap-6 p-6">
      <p className="text-lg font-semibold">{t("site.name")}</p>
      {problem ? (
        <p role="alert" id="problem" className="notice notice-danger">
          {t(problem)}
        </p>
      ) : null}
      {challenge ? <ChallengeForm t={t} kind={challenge.kind} next={next} /> : <PasswordForm t={t} next={next} />}
      <details>
        <summary className="py-2">{t("site.settings")}</summary>
        <Preferences t={t} language={chosen} theme={appearance} back="/sign-in" />
      </details>
    </main>
  );
}

function PasswordForm({ t, next }: { t: Translate; next: string }) {
  return (
    <form action="/bff/sign-in" method="post" className="panel flex flex-col gap-4">
      <h1>{t("signIn.title")}</h1>
      <input type="hidden" name="next" value={next} />
      <label className="flex flex-col gap-1">
        {t("signIn.username")}
        <input className="field" name="username" autoComplete="username" required maxLength={256} autoCapitalize="none" />
      </label>
      <label className="flex flex-col gap-1">
        {t("signIn.password")}
        <input
          className="field"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={256}
        />
      </label>
      <SubmitButton text={t("signIn.submit")} busy={t("signIn.busy")} />
    </form>
  );
}

function ChallengeForm({ t, kind, next }: { t: Translate; kind: ChallengeKind; next: string }) {
  const isCode = kind === "SOFTWARE_TOKEN_MFA";
  const name = isCode ? "signIn.code" : "signIn.newPassword";
  return (
    <form action="/bff/challenge" method="post" className="panel flex flex-col gap-4">
      <h1>{t(`${name}.title`)}</h1>
      <p>{t(`${name}.text`)}</p>
      <input type="hidden" name="next" value={next} />
      <label className="flex flex-col gap-1">
        {t(`${name}.value`)}
        {isCode ? (
          <input className="field" name="value" inputMode="numeric" autoComplete="one-time-code" required maxLength={8} />
        ) : (
          <input
            className="field"
            name="value"
            type="password"
            autoComplete="new-password"
            required
            maxLength={256}
            aria-describedby="hint"
          />
        )}
      </label>
      {isCode ? null : (
        <>
          <p id="hint" className="text-sm text-quiet">
            {t("signIn.newPassword.hint")}
          </p>
          <label className="flex flex-col gap-1">
            {t("signIn.newPassword.repeated")}
            <input
              className="field"
              name="repeated"
              type="password"
              autoComplete="new-password"
              required
              maxLength={256}
            />
          </label>
        </>
      )}
      <SubmitButton text={t(`${name}.submit`)} busy={t("signIn.busy")} />
    </form>
  );
}

function problemText(value: string | string[] | undefined): TextKey | null {
  const key = `signIn.problem.${String(value)}`;
  return key in en ? (key as TextKey) : null;
}
