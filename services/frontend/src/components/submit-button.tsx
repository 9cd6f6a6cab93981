"use client";

import { useEffect, useRef, useState } from "react";

/** A form's main button; it says that its form is on the way, and cannot be pressed twice. */
export function SubmitButton({ text, busy }: { text: string; busy: string }) {
  const button = useRef<HTMLButtonElement>(null);
  const [pending, setPending] = useState(false);
  useEffect(() => {
    const form = button.current?.form;
    const sent = (): void => setPending(true);
    // A page that comes back from the browser's history waits for nothing any more.
    const shown = (): void => setPending(false);
    form?.addEventListener("submit", sent);
    window.addEventListener("pageshow", shown);
    return () => {
      form?.removeEventListener("submit", sent);
      window.removeEventListener("pageshow", shown);
    };
  }, []);
  return (
    <button ref={button} type="submit" className="button button-main" disabled={pending}>
      <span aria-live="polite">{pending ? busy : text}</span>
    </button>
  );
}
