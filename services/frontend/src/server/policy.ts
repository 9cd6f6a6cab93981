/** The content security policy of a page. `nonce` is its scripts'; uploads and media are at `contentOrigin`. */
export function contentPolicy(nonce: string, contentOrigin: string): string {
  return Object.entries({
    "default-src": "'none'",
    "script-src": `'self' 'nonce-${nonce}' 'strict-dynamic'`,
    "style-src": `'self' 'nonce-${nonce}'`,
    "img-src": `'self' data: blob: ${contentOrigin}`,
    "media-src": `'self' blob: ${contentOrigin}`,
    "font-src": "'self'",
    "connect-src": `'self' ${contentOrigin}`,
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
  })
    .map(([name, value]) => `${name} ${value}`)
    .join("; ");
}
