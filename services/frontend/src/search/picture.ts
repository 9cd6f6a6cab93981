/** Of the longer side: what the embedding model looks at is smaller still. */
const SIDE_PIXELS_MAX = 1024;
/** What a request of the site may carry, with room for what base64 adds. */
export const PICTURE_BYTES_MAX = 320 * 1024;
const QUALITIES = [0.85, 0.7, 0.5, 0.3] as const;

/** How large a picture is sent: with the same sides to each other, none longer than it may be. */
export function reduced(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, SIDE_PIXELS_MAX / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** A picture as JPEG in base64, small enough to be sent; rejects when it cannot be read. */
export async function pictureOf(file: Blob): Promise<string> {
  const bitmap = await createImageBitmap(file);
  const { width, height } = reduced(bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the browser draws no pictures");
  // JPEG knows no transparency.
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  for (const quality of QUALITIES) {
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
    if (blob.size <= PICTURE_BYTES_MAX) return base64(new Uint8Array(await blob.arrayBuffer()));
  }
  throw new Error("the picture stays too large");
}

/** In pieces: a call takes only so many arguments. */
function base64(bytes: Uint8Array): string {
  const piece = 0x8000;
  let text = "";
  for (let from = 0; from < bytes.length; from += piece) {
    text += String.fromCharCode(...bytes.subarray(from, from + piece));
  }
  return btoa(text);
}
