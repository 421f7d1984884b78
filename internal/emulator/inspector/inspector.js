// The page is whole without this, which keeps it up to date and lets it act.
// Whatever it shows comes as HTML from the server, which has escaped it.
"use strict";

const connection = document.getElementById("connection");
const said = document.getElementById("said");
document.documentElement.classList.add("script");

// renew puts what is new into a part of the page, and leaves alone what is the
// same: details stay open, and the focus where it is.
function renew(old, fresh) {
  if (old.innerHTML === fresh.innerHTML) return;
  if (!old.firstElementChild?.id && !fresh.firstElementChild?.id) {
    old.replaceChildren(...fresh.childNodes);
    return;
  }
  const known = new Map([...old.children].map(child => [child.id, child]));
  let at = old.firstElementChild;
  for (const child of [...fresh.children]) {
    const same = known.get(child.id);
    if (same && same.textContent === child.textContent) {
      known.delete(child.id);
      if (same === at) at = at.nextElementSibling;
      else old.insertBefore(same, at);
    } else {
      old.insertBefore(child, at);
    }
  }
  const focused = [...known.values()].some(child => child.contains(document.activeElement));
  for (const child of known.values()) child.remove();
  if (focused) document.getElementById("content").focus();
}

async function refresh() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) renew(part, fresh);
  }
  const ahead = page.getElementById("now")?.dataset.ahead;
  if (ahead) document.getElementById("now").dataset.ahead = ahead;
}

// soon refreshes the page, once for many events.
let busy = false, again = false;
async function soon() {
  again = true;
  if (busy) return;
  busy = true;
  try {
    while (again) {
      again = false;
      await refresh();
      await new Promise(done => setTimeout(done, 200));
    }
  } catch {
    // The emulator is gone; the stream says when it is back.
  } finally {
    busy = false;
  }
}

function connected(live, text) {
  connection.textContent = text;
  connection.classList.toggle("live", live);
}

// A window that nobody sees listens to nothing: a browser has few connections to
// one server, and the app's sign-in needs one.
let stream;
function listen() {
  stream?.close();
  stream = undefined;
  if (document.hidden) return;
  stream = new EventSource("/_authfit/api/events");
  stream.onopen = () => { connected(true, "live"); soon(); };
  stream.onerror = () => {
    connected(false, "not connected; trying again");
    if (stream?.readyState === EventSource.CLOSED) setTimeout(listen, 2000); // else it tries by itself
  };
  for (const name of ["request", "changed", "missed"]) stream.addEventListener(name, soon);
}
document.addEventListener("visibilitychange", listen);
window.addEventListener("pagehide", () => stream?.close());
window.addEventListener("pageshow", event => { if (event.persisted) listen(); });
listen();

// The clock goes on.
setInterval(() => {
  const now = document.getElementById("now");
  if (now) now.textContent = new Date(Date.now() + now.dataset.ahead * 1000).toLocaleString("sv"); // 2006-01-02 15:04:05
}, 1000);

function say(text) {
  said.textContent = "";
  said.textContent = text;
}

// A form with data-api is a request to the API, with its fields as JSON.
document.addEventListener("submit", async event => {
  const form = event.target;
  if (!form.dataset.api) return;
  event.preventDefault();
  const [method, path] = form.dataset.api.split(" ");
  const request = { method, headers: { "Content-Type": "application/json" } };
  if (method !== "DELETE") {
    const body = {};
    for (const [name, value] of new FormData(form, event.submitter)) {
      if (value === "") continue;
      if (name === "route") [body.method, body.path] = value.split(" ");
      else body[name] = value === "null" ? null : Number(value);
    }
    request.body = JSON.stringify(body);
  }
  try {
    const answer = await fetch(path, request);
    if (answer.ok) say(form.dataset.said ?? "");
    else say((await answer.json()).message);
  } catch {
    say("The local AuthKit does not answer.");
  }
  soon();
});

// data-text is copied as it is, data-copy is where to get the text.
document.addEventListener("click", async event => {
  const button = event.target.closest("button[data-copy], button[data-text]");
  if (!button) return;
  const text = button.dataset.text ?? await (await fetch(button.dataset.copy)).text();
  try {
    await navigator.clipboard.writeText(text.trimEnd());
    say("Copied.");
  } catch {
    say("The browser does not let this page copy.");
  }
});
