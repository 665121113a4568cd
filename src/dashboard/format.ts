import { text } from "./text/text.ts";

/** Numbers and times as people read them; 24-hour clock, the browser's time zone. */

const two = (value: number) => String(value).padStart(2, "0");

/** `18:42:10`. */
export function clock(ms: number): string {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `18:42`, with the date when it was not today. */
export function when(ms: number, nowMs: number): string {
  const date = new Date(ms);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const now = new Date(nowMs);
  const sameDay =
    date.getDate() === now.getDate() && date.getMonth() === now.getMonth() && date.getFullYear() === now.getFullYear();
  return sameDay ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** `0:42`, `12:07`, `1:02:33`: how long a call lasts. */
export function stopwatch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** `42 s`, `12 min`, `3 h 05 min`, `4 d 2 h`: a span in words. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const { s, min, h, d } = text.units;
  if (seconds < 60) return `${seconds} ${s}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} ${min}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} ${h} ${two(minutes % 60)} ${min}`;
  return `${Math.floor(hours / 24)} ${d} ${hours % 24} ${h}`;
}

/** `1 234 567`, with narrow spaces. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** `10.2`; a dash for what is not known. */
export function fixed(value: number | null, digits: number): string {
  return value === null ? text.unknown : value.toFixed(digits);
}

/** `512 MB`, `14.6 GB`. */
export function megabytes(value: number): string {
  return value < 1_000 ? `${Math.round(value)} MB` : `${(value / 1_024).toFixed(value < 102_400 ? 1 : 0)} GB`;
}
