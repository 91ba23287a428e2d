"use strict";
const app = document.getElementById("app");

function put(tag, props, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}

async function session(method, body) {
  const r = await fetch("/api/v1/session", {
    method, headers: body ? {"Content-Type": "application/json"} : {}, body: body && JSON.stringify(body),
  });
  if (r.status === 204) return null;
  const answer = await r.json();
  if (!r.ok) throw new Error(answer.detail);
  return answer;
}

function signedIn(who) {
  const out = put("button", {onclick: async () => { await session("DELETE"); signedOut(""); }}, "Sign out");
  app.replaceChildren(put("p", {}, `Signed in as ${who.name}, ${who.role}. `, out));
}

function signedOut(why) {
  const token = put("input", {type: "password", name: "token", autocomplete: "off"});
  const form = put("form", {onsubmit: (e) => { e.preventDefault(); enter({token: token.value}); }},
    put("label", {}, "Token ", token), " ", put("button", {}, "Sign in"));
  app.replaceChildren(form, put("p", {role: "alert"}, why));
}

async function enter(body) {
  try { signedIn(await session("POST", body)); } catch (e) { signedOut(e.message); }
}

async function begin() {
  const code = /^#\/code\/(\w+)$/.exec(location.hash);
  if (code) {
    history.replaceState(null, "", "/");
    return enter({code: code[1]});
  }
  try { signedIn(await session("GET")); } catch { signedOut(""); }
}
begin();
