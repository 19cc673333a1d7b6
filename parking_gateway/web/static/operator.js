// The operator of this page: logs in and out, and asks the gateway to do something.

import { byId, element } from "./element.js";

let me = { operator: null, csrf: "", can_log_in: false };
let onChange = () => {};

/** Who is logged in: `{operator, csrf, can_log_in}`. */
export const operator = () => me;

/** Ask who is logged in, and show it; `changed()` comes whenever that changes. */
export async function startOperator(changed) {
  onChange = changed;
  const dialog = byId("login");
  const form = dialog.querySelector("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    logIn(dialog, form);
  });
  dialog.querySelector("[value=cancel]").addEventListener("click", () => dialog.close());
  await askWho();
}

/** Show the form to log in. */
export function showLogin() {
  const dialog = byId("login");
  dialog.querySelector("form").reset();
  dialog.querySelector(".refusal").textContent = "";
  dialog.showModal();
}

/** Ask for something by its verb. Returns the reply, as over MQTT; a failure of the connection is an error like any other. */
export async function request(verb, parameters) {
  try {
    const response = await post(`/board/request/${verb}`, parameters);
    if (response.status === 401 || response.status === 403) {
      await askWho();
      return refusal("forbidden", "You are not logged in any more. Log in, and try again.");
    }
    return await response.json();
  } catch {
    return refusal("unavailable", "The gateway cannot be reached. Try again when the board is live.");
  }
}

/** Ask again who is logged in, such as after the gateway has restarted. */
export async function askWho() {
  try {
    const response = await fetch("/board/me", { cache: "no-store" });
    if (response.ok) become(await response.json());
  } catch {
    // The board says already that it is disconnected.
  }
}

async function logIn(dialog, form) {
  const { name, password } = Object.fromEntries(new FormData(form));
  const line = form.querySelector(".refusal");
  try {
    const response = await post("/board/login", { name, password });
    if (response.ok) {
      dialog.close();
      await askWho();
      return;
    }
    const reply = await response.json().catch(() => null);
    line.textContent = reply?.error?.message ?? "Name or password is wrong.";
  } catch {
    line.textContent = "The gateway cannot be reached.";
  }
}

async function logOut() {
  await post("/board/logout", {}).catch(() => null);
  await askWho();
}

function post(path, body) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": me.csrf }, body: JSON.stringify(body) });
}

function become(next) {
  me = { can_log_in: true, ...next };
  byId("operator").replaceChildren(
    ...(me.operator
      ? [element("span", {}, me.operator), element("button", { type: "button", class: "quiet", on: { click: logOut } }, "Log out")]
      : me.can_log_in ? [element("button", { type: "button", class: "quiet", on: { click: showLogin } }, "Log in")] : []),
  );
  onChange();
}

const refusal = (code, message) => ({ status: "error", error: { code, message } });
