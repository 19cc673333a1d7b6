// Times as people read them. The clock of this device may be wrong, so that of the gateway counts.

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const SHORT = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const DAY_MS = 86_400_000;

let ahead = 0;

/** Take the gateway's time from the `Date` of its reply. */
export function setClock(date) {
  const at = Date.parse(date ?? "");
  // The header has whole seconds, so a smaller difference may be none.
  if (!Number.isNaN(at)) ahead = Math.abs(at - Date.now()) > 2_000 ? at - Date.now() : 0;
}

/** Now, in milliseconds, by the gateway's clock. */
export const now = () => Date.now() + ahead;

/** `10:03:12`, or with its day if that is another one. */
export function clock(at) {
  const time = new Date(at);
  return isToday(time) ? CLOCK.format(time) : DAY.format(time);
}

/** `10:03`, or with its day if that is another one. */
export function minute(at) {
  const time = new Date(at);
  return isToday(time) ? SHORT.format(time) : DAY.format(time);
}

/** How long ago that was: `12 s`, `4 min`, `3 h`, `2 days`. */
function age(at) {
  const seconds = Math.max(0, Math.round((now() - new Date(at)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  const days = Math.floor(seconds / 86_400);
  return days === 1 ? "1 day" : `${days} days`;
}

/** `10:03:12, 4 min ago`. */
export const sinceOf = (at) => `${clock(at)}, ${age(at)} ago`;

/** The value of an `<input type="datetime-local">` so many minutes from now. */
export function inputTime(minutes) {
  const time = new Date(now() + minutes * 60_000);
  return new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function isToday(time) {
  const today = new Date(now());
  return Math.abs(today - time) < DAY_MS && today.getDate() === time.getDate();
}
