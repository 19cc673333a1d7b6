// The picture and everything after it: one request, then server-sent events. Connects again by itself.

import { setClock } from "./times.js";

const KINDS = ["space", "zone", "site", "device", "transition", "notice", "gateway", "gateways", "removed"];
const WAITS = [500, 1_000, 2_000, 4_000];
/** The gateway sends its health every 10 seconds at least. */
const SILENT_AFTER = 25_000;

/**
 * Follow the car park until the page is closed.
 *
 * `onPicture(picture)` begins anew, `onEvent(kind, message)` is one change, and `onConnection(isLive, reason)` comes with
 * each change of the connection.
 */
export function follow({ onPicture, onEvent, onConnection }) {
  let cursor = null;
  let source = null;
  let timer = null;
  let failures = 0;
  let heardAt = Date.now();

  async function begin(cache = "no-cache") {
    try {
      const response = await fetch("/board/picture", { cache });
      setClock(response.headers.get("date"));
      if (!response.ok) {
        lost((await response.json()).error?.message);
        return;
      }
      const picture = await response.json();
      cursor = picture.cursor;
      onPicture(picture);
    } catch {
      lost();
      return;
    }
    listen();
  }

  function listen() {
    source = new EventSource(`/board/live?since=${encodeURIComponent(cursor)}`);
    source.onopen = () => {
      failures = 0;
      heard();
      onConnection(true);
    };
    source.onerror = () => lost();
    source.addEventListener("again", () => {
      source.close();
      cursor = null;
      // The picture may be the one that the browser has kept. The cursor of that copy would lead here again, without end.
      begin("reload");
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        cursor = event.lastEventId || cursor;
        heard();
        onEvent(kind, JSON.parse(event.data));
      });
    }
  }

  const heard = () => (heardAt = Date.now());
  function go() {
    timer = null;
    return cursor === null ? begin() : listen();
  }

  /** Close, and try again after a while. After a second failure in a row the picture is fetched anew. */
  function lost(reason = "") {
    source?.close();
    source = null;
    onConnection(false, reason);
    if (failures > 0) cursor = null;
    clearTimeout(timer);
    timer = setTimeout(go, WAITS[Math.min(failures, WAITS.length - 1)]);
    failures += 1;
  }

  function atOnce() {
    if (timer === null) return;
    clearTimeout(timer);
    go();
  }

  setInterval(() => {
    if (source !== null && Date.now() - heardAt > SILENT_AFTER) lost();
  }, 5_000);
  window.addEventListener("online", atOnce);
  document.addEventListener("visibilitychange", () => document.hidden || atOnce());
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => event.persisted && go());
  begin();
}
