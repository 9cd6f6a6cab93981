import { ApiError, call } from "@/client/api";
import type { components } from "@/contracts/audio";
import type { Media } from "./kinds";

type Created = components["schemas"]["RecordingCreated"];

export type Sending = {
  /** Between 0 and 1, as the content goes out. */
  progress: (part: number) => void;
  signal: AbortSignal;
  /** Of the speech, where the person knows it (BCP 47, as `en-US`). */
  language: string | null;
};

/** Announces a file and sends it to where the service says; returns its id. Throws ApiError. */
export async function upload(file: File, media: Media, { progress, signal, language }: Sending): Promise<string> {
  const announced = { filename: file.name, content_type: media.type, size_bytes: file.size };
  const spoken = media.kind === "audio" && language !== null ? { language } : {};
  const created = await call<Created>("POST", `/api/${media.kind}`, { body: { ...announced, ...spoken }, signal });
  try {
    await send(created.upload, file, progress, signal);
  } catch (error) {
    // Nobody waits for content that will not come.
    await call("DELETE", `/api/${media.kind}/${created.id}`).catch(() => undefined);
    throw error;
  }
  return created.id;
}

/** Sends content by the one request that tells how far it is; `fetch` cannot. */
function send(to: Created["upload"], content: Blob, progress: (part: number) => void, signal: AbortSignal) {
  return new Promise<void>((done, fail) => {
    const request = new XMLHttpRequest();
    const stop = (): void => request.abort();
    request.open(to.method, to.url);
    for (const [name, value] of Object.entries(to.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0);
    request.onload = () => {
      if (request.status < 300) done();
      else fail(new ApiError(request.status, "", "upload-refused"));
    };
    request.onerror = () => fail(new ApiError(0, "", "unreachable"));
    request.onabort = () => fail(new DOMException("the upload was cancelled", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    else request.send(content);
  });
}
