/** A place in a recording or video, as `4:05` or `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** The place that an address names (`?t=12.5`), in seconds; the start for anything else. */
export function placeOf(value: string | string[] | undefined): number {
  const place = typeof value === "string" ? Number(value) : 0;
  return Number.isFinite(place) && place > 0 ? place : 0;
}
